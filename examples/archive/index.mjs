// Packs the files of the event into a zip, with the npm package yazl that is deployed beside this file.
import { buffer } from "node:stream/consumers";
import yazl from "yazl";

export const handler = async (event) => {
  const zip = new yazl.ZipFile();
  for (const [name, text] of Object.entries(event.files)) zip.addBuffer(Buffer.from(text), name);
  zip.end();
  const bytes = await buffer(zip.outputStream);
  console.log(`packed ${Object.keys(event.files).length} files into ${bytes.length} bytes`);
  return { zip: bytes.toString("base64"), sizeBytes: bytes.length };
};
