// node receiver.mjs SECRET PORT, after tsc or as it is: prints the events that it is told, once each.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const [secret, port] = process.argv.slice(2);
const key = Buffer.from(secret.replace("whsec_", ""), "base64");
const seen = new Set(); // a database, in earnest: what is done, and that it is, in one transaction

createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts), header = (name) => String(request.headers[name] ?? "");
  const time = header("webhook-timestamp");
  const want = createHmac("sha256", key).update(`${header("webhook-id")}.${time}.`).update(body).digest();
  const signed = header("webhook-signature").split(" ").some((one) => {
    const got = Buffer.from(one.replace(/^v1,/, ""), "base64");
    return one.startsWith("v1,") && got.length === want.length && timingSafeEqual(got, want);
  });
  if (!signed || Math.abs(Date.now() / 1000 - Number(time)) > 300) {
    return response.writeHead(503).end(); // tried again, so that a wrong secret here loses nothing
  }
  for (const event of [JSON.parse(body.toString())].flat()) {
    if (event.type === "subscription.challenge") return response.end(event.challenge);
    if (!seen.has(event.id)) console.log(event.id, event.type, event.subject);
    seen.add(event.id);
  }
  response.writeHead(204).end();
}).listen(Number(port), "127.0.0.1", function () { console.log("port", this.address().port); });
