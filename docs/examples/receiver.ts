// npm install standardwebhooks; node receiver.ts SECRET PORT: prints the events that it is told, once each.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

type Event = { id: string; type: string; subject: string; challenge?: string };

const [secret, port] = process.argv.slice(2);
const webhook = new Webhook(secret);
const seen = new Set<string>(); // a database, in earnest: what is done, and that it is, in one transaction
const maxBody = 8 << 20;

const server = createServer(async (request, response) => {
  try {
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of request) {
      if ((size += part.length) > maxBody) throw new Error("the body is too large");
      parts.push(part);
    }
    const told = webhook.verify(Buffer.concat(parts), request.headers as Record<string, string>) as Event | Event[];
    for (const event of [told].flat()) {
      if (event.challenge) return response.end(event.challenge);
      if (!seen.has(event.id)) console.log(event.id, event.type, event.subject);
      seen.add(event.id);
    }
    response.writeHead(204).end();
  } catch (error) {
    response.writeHead(503).end(String(error)); // tried again, so that a wrong secret here loses nothing
  }
});
server.listen(Number(port), "127.0.0.1", () => console.log(server.address()));
