// An object was created in a bucket: makes a small picture of the photograph, with the npm package jpeg-js that is
// deployed beside this file.
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import jpeg from "jpeg-js";

const WIDTH = 160;
const s3 = new S3Client({ forcePathStyle: true });

/** The mean of one channel over a part of a picture. */
function mean({ width, data }, { left, right, top, bottom }, channel) {
  let sum = 0;
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) sum += data[(y * width + x) * 4 + channel];
  return sum / ((bottom - top) * (right - left));
}

/** Each pixel is the mean of those that it stands for. */
function scaled(picture) {
  const width = Math.min(WIDTH, picture.width);
  const height = Math.max(1, Math.round((picture.height * width) / picture.width));
  const data = new Uint8Array(width * height * 4);
  // The pixels of `size` that the one at `at` of `count` stands for.
  const span = (at, count, size) => {
    const from = Math.floor((at * size) / count);
    return [from, Math.max(from + 1, Math.floor(((at + 1) * size) / count))];
  };
  for (let y = 0; y < height; y++) {
    const [top, bottom] = span(y, height, picture.height);
    for (let x = 0; x < width; x++) {
      const [left, right] = span(x, width, picture.width);
      for (let channel = 0; channel < 4; channel++)
        data[(y * width + x) * 4 + channel] = mean(picture, { left, right, top, bottom }, channel);
    }
  }
  return { width, height, data };
}

/** The small picture of a JPEG, as JPEG. */
export function thumbnailOf(photograph) {
  const picture = jpeg.decode(photograph, { useTArray: true });
  return { picture, bytes: jpeg.encode(scaled(picture), 80).data };
}

export const handler = async ({ Records }) => {
  for (const { s3: event } of Records) {
    const Bucket = event.bucket.name;
    const Key = decodeURIComponent(event.object.key.replaceAll("+", " "));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    const { picture, bytes } = thumbnailOf(await Body.transformToByteArray());
    const target = Key.replace(/^photographs\//, "thumbnails/");
    await s3.send(new PutObjectCommand({ Bucket, Key: target, Body: bytes, ContentType: "image/jpeg" }));
    console.log(`${Key}: ${picture.width} × ${picture.height}, now ${bytes.length} bytes at ${target}`);
  }
};
