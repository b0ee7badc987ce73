import relay from "relay-runtime";

const { Environment, Network, RecordSource, Store, commitMutation, createOperationDescriptor, fetchQuery } = relay;
const { getPaginationMetadata, getPaginationVariables, getRefetchMetadata, getSelector, getValueAtPath } = relay;

/** A request without any data: Relay takes errors beside data for those of fields, and reads null there. */
export class RequestFailed extends Error {
  constructor(errors) {
    super(errors[0].message);
    this.errors = errors;
  }
}

/** `session` is a Session of ../session.mjs. Signed in or out, make another: what it holds is one person's. */
export function makeEnvironment(session, { fetch = globalThis.fetch } = {}) {
  const send = async (query, variables) => {
    const headers = session.headers();
    const response = await fetch(session.url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/graphql-response+json", ...headers },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, refused: headers.authorization, answer: await response.json() };
  };
  return new Environment({
    network: Network.create(async ({ text }, variables) => {
      let { status, refused, answer } = await send(text, variables);
      if (status === 401 && (await session.renewed(refused))) ({ answer } = await send(text, variables));
      if (!answer.data || Object.values(answer.data).every((field) => field === null && answer.errors)) {
        throw new RequestFailed(answer.errors);
      }
      return answer;
    }),
    store: new Store(new RecordSource()),
  });
}

/** A query whose data stay in the store until `dispose` is called. What `useLazyLoadQuery` does in React. */
export async function load(environment, query, variables) {
  const { dispose } = environment.retain(createOperationDescriptor(query, variables));
  return { data: await fetchQuery(environment, query, variables).toPromise(), dispose };
}

/** The root field's payload. Rejects for top-level errors. */
export function mutate(environment, mutation, variables) {
  return new Promise((resolve, reject) => {
    const onCompleted = (data) => resolve(Object.values(data)[0]);
    commitMutation(environment, { mutation, variables, onCompleted, onError: reject });
  });
}

/** The next page of a fragment with @connection and @refetchable. What `usePaginationFragment` does in React. */
export async function loadNext(environment, fragment, reference, count) {
  const { connectionPathInFragmentData, paginationRequest, paginationMetadata } = getPaginationMetadata(fragment, "loadNext");
  const { identifierInfo } = getRefetchMetadata(fragment, "loadNext");
  const selector = getSelector(fragment, reference);
  const { data } = environment.lookup(selector);
  const { hasNextPage, endCursor } = getValueAtPath(data, connectionPathInFragmentData).pageInfo;
  if (!hasNextPage) return;
  const given = { ...selector.owner.variables, ...selector.variables };
  const variables = getPaginationVariables("forward", count, endCursor, given, {}, paginationMetadata);
  if (identifierInfo) variables[identifierInfo.identifierQueryVariableName] = data[identifierInfo.identifierField];
  await fetchQuery(environment, paginationRequest, variables).toPromise();
}
