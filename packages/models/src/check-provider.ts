import { type FailureClass, type ModelClient, ModelFailure, UserError } from "@headrace/domain";

const REMEDIES: Record<FailureClass, string> = {
  auth: "Check ANTHROPIC_API_KEY (or `credentials` in the data directory): it must belong to the endpoint ANTHROPIC_BASE_URL names.",
  credit: "Add credit or raise the spend limit in the provider's console, then try again.",
  gone: "The endpoint lists no models: ANTHROPIC_BASE_URL must be the part of the address before /v1/messages.",
  network: "Check ANTHROPIC_BASE_URL and the connection (proxy, DNS, certificate), then try again.",
  rate: "Wait a little, then try again.",
  overload: "Wait a little, then try again.",
  server: "Wait a little, then try again; if it stays, look at the provider's status page.",
  refusal: "Look at the provider's console: it may have restricted the account.",
  invalid: "The endpoint does not speak the Messages API: check ANTHROPIC_BASE_URL.",
  context: "The endpoint does not speak the Messages API: check ANTHROPIC_BASE_URL.",
};

/** One free authenticated request: the models the key may use, or a `UserError` that says what to do. */
export const checkProvider = async (
  client: Pick<ModelClient, "listModels">,
  signal?: AbortSignal,
): Promise<string[]> => {
  try {
    return await client.listModels(signal);
  } catch (error) {
    if (!(error instanceof ModelFailure) || signal?.aborted === true) throw error;
    throw new UserError(
      `the model provider cannot be used: ${error.message}`,
      REMEDIES[error.facts.class],
      { cause: error },
    );
  }
};
