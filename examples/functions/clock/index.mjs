// Run by a schedule: says what it was told and when.
export const handler = async (event) => {
  console.log(`tick: ${event.say}, at ${new Date().toISOString()}`);
};
