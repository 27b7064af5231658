/** How sandboxes of bubblewrap differ from containers, as they are told to whoever chooses them. */
export const BUBBLEWRAP_DIFFERENCES: readonly string[] = [
  "commands are those of this host's /usr, in the versions that are installed here: there are no images, so `sandbox.image` is refused",
  "there are no services: `sandbox.services` is refused",
  "an environment is a folder on this host, copied for each sandbox: a start takes longer the more set-up installed",
  "a sandbox sees no /sys, /var or /opt, and of /etc only what programs need",
  "there is no gVisor: `isolation.runtime: gvisor` is refused",
  "the factory itself sets the limits, by control groups, and watches disk use",
];
