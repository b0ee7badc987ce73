// Every server audit of the package graphql-http against a running server:
//   node graphql_http_audits.mjs http://127.0.0.1:8000/graphql
// One line per audit that is not "ok", then the count. Exit code 0 only when all are ok.
import { serverAudits } from "graphql-http";

const url = process.argv[2];
if (!url) {
  console.error("usage: node graphql_http_audits.mjs URL");
  process.exit(2);
}

const audits = serverAudits({ url, fetchFn: fetch });
let passed = 0;
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status === "ok") {
    passed += 1;
  } else {
    console.log(`${result.status} ${audit.id} ${audit.name}: ${result.reason}`);
  }
  // An unread body would keep its connection, and with it this process, alive.
  await result.response?.body?.cancel().catch(() => {});
}
console.log(`${passed} of ${audits.length} audits are ok`);
process.exit(passed === audits.length ? 0 : 1);
