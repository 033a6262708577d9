/** The embedded services that bring events to functions, by their signing names. */
export const EVENT_SERVICES = ["sqs", "sns", "s3", "events", "scheduler"] as const;

export type EventService = (typeof EVENT_SERVICES)[number];

/** Where a service is not embedded: the URL of a real one, or "off". */
export type ServiceEndpoints = Readonly<Partial<Record<EventService, string>>>;

/** "embedded", "off", or the URL of the real one. */
export const endpointOf = (endpoints: ServiceEndpoints, service: EventService): string =>
  endpoints[service] ?? "embedded";
