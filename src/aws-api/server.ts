import type { IncomingMessage, ServerResponse } from "node:http";
import { Dispatcher, type DispatcherOptions, type WholeRequest } from "./protocol/dispatcher.ts";

export type {
  AuthenticationRequest,
  AuthorizationRequest,
  Identity,
  RequestSample,
  WholeRequest,
} from "./protocol/dispatcher.ts";

export type AwsApiOptions = Omit<DispatcherOptions, "validates">;

export interface AwsApi {
  /** Listener for an HTTP server's requests: answers every one, throws never. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /**
   * The same for a request whose body has been read; not for encoded ones. A handler whose service and operation stand
   * in the address and headers is called before this returns.
   */
  handleRead(request: IncomingMessage, response: ServerResponse, body: Uint8Array): void;
  /** The same for a request that no HTTP server has. Not for operations that stream. */
  handleWhole(request: WholeRequest): void;
}

/** The AWS API of the given services on one endpoint, in every protocol their clients speak. */
export function createAwsApi(options: AwsApiOptions): AwsApi {
  const dispatcher = new Dispatcher({ ...options, validates: true });
  return {
    handle(request, response) {
      void dispatcher.serve(request, response);
    },
    handleRead(request, response, body) {
      void dispatcher.serveRead(request, response, body);
    },
    handleWhole(request) {
      void dispatcher.serveWhole(request);
    },
  };
}
