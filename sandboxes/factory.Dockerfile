# The factory itself, for docker-compose.yml. BASE has Node 24, npm, git and ca-certificates: node:24-bookworm, or the
# base sandbox image. Needs only the classic builder. A certificate your network adds goes into extra-ca.crt.
ARG BASE
FROM ${BASE}
USER root
WORKDIR /app

COPY package.json extra-ca.crt* /usr/local/share/ca-certificates/
RUN rm /usr/local/share/ca-certificates/package.json && update-ca-certificates
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt NODE_ENV=production HOME=/root

COPY . /app
RUN npm install --omit=dev --ignore-scripts --no-audit --no-fund \
  && ln -s /app/packages/cli/bin/headrace.mjs /usr/local/bin/headrace \
  && install -d -m 700 /data

ENTRYPOINT ["/app/sandboxes/factory-entry.sh"]
CMD ["serve", "--listen", "0.0.0.0:7878"]
EXPOSE 7878
VOLUME /data
