import { type FailureClass, type ModelClient, ModelFailure, UserError } from "@headrace/domain";

/** The settings that a provider's key and address come from. */
type Settings = { key: string; url: string };

const ENVIRONMENT: Settings = { key: "ANTHROPIC_API_KEY", url: "ANTHROPIC_BASE_URL" };

const remedies = ({ key, url }: Settings): Record<FailureClass, string> => ({
  auth: `Check ${key} (or \`credentials\` in the data directory): it must belong to the endpoint ${url} names.`,
  credit: "Add credit or raise the spend limit in the provider's console, then try again.",
  gone: `The endpoint lists no models: ${url} must be the part of the address before /v1/messages.`,
  network: `Check ${url} and the connection (proxy, DNS, certificate), then try again.`,
  rate: "Wait a little, then try again.",
  overload: "Wait a little, then try again.",
  server: `Wait a little, then try again; if it stays, look at the provider's status page and at what stands before ${url} (proxy, firewall).`,
  refusal: "Look at the provider's console: it may have restricted the account.",
  invalid: `The endpoint does not speak the Messages API: check ${url}.`,
  context: `The endpoint does not speak the Messages API: check ${url}.`,
});

/** One free authenticated request: the models the key may use, or a `UserError` that says what to do. */
export const checkProvider = async (
  client: Pick<ModelClient, "listModels">,
  settings = ENVIRONMENT,
): Promise<string[]> => {
  try {
    return await client.listModels();
  } catch (error) {
    if (!(error instanceof ModelFailure)) throw error;
    throw new UserError(
      `the model provider cannot be used: ${error.message}`,
      remedies(settings)[error.facts.class],
      { cause: error },
    );
  }
};
