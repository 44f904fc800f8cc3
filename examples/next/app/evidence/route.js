// On the server: who wrote a message, as its evidence proves it. The module is read from the installed package.
import { init, isTesseraError, verifyEvidence } from "tessera-portal";

const hex = (bytes) => Buffer.from(bytes).toString("hex");

export async function POST(request) {
  const form = await request.formData();
  const [evidence, body] = await Promise.all(["evidence", "body"].map((name) => form.get(name).arrayBuffer()));
  await init();
  try {
    const { sender, sentAt } = verifyEvidence(new Uint8Array(evidence), new Uint8Array(body));
    return Response.json({ sender: hex(sender), sentAt });
  } catch (error) {
    if (!isTesseraError(error)) throw error;
    return Response.json({ code: error.code }, { status: 422 });
  }
}
