// Works on messages of a queue, a batch at a time. What it cannot work on comes back alone, the rest is done.
export const handler = async ({ Records }) => {
  const batchItemFailures = [];
  for (const { messageId, body, attributes } of Records) {
    try {
      const { from, stars } = JSON.parse(body);
      if (!Number.isInteger(stars)) throw new TypeError("stars is no number");
      console.log(`worked: ${stars} stars from ${from}`);
    } catch (error) {
      console.log(`failed, receive ${attributes.ApproximateReceiveCount}: ${error.message}`);
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
};
