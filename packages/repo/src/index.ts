export { type OpenedFactoryRepo, openFactoryRepo } from "./factory-repo.ts";
