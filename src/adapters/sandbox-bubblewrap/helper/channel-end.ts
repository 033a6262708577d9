/** Node's own pipe that can receive descriptors; `onread` is called without data when the other side has ended. */
interface RawPipe {
  pendingHandle: unknown;
  onread: (data: ArrayBuffer | undefined) => void;
  connect(request: { oncomplete: (status: number) => void }, path: string): number;
  readStart(): number;
  writeUtf8String(request: { oncomplete: () => void }, text: string): number;
  close(): void;
}

interface PipeBinding {
  readonly Pipe: new (type: number) => RawPipe;
  readonly PipeConnectWrap: new () => { oncomplete: (status: number) => void };
  readonly constants: { readonly IPC: number };
}

interface StreamBinding {
  readonly WriteWrap: new () => { oncomplete: () => void };
}

/** What the hand-over needs of the pipe through which a program sends its listeners. */
export interface ChannelEnd {
  /** Called with what arrives, and with undefined at its end. Set it in the turn in which the end was made. */
  onData: (data: ArrayBuffer | undefined) => void;
  /** The descriptor that came with the data just received, as a handle of Node's. */
  takeHandle(): unknown;
  /** Tells the program's Node that its handle has arrived. */
  acknowledge(): void;
  /** Ends the channel, which the other side notices; may be called again. */
  disconnect(): void;
}

/** What Node has left at its pipe is taken once. */
export function takePendingHandle(pipe: { pendingHandle: unknown }): unknown {
  const handle = pipe.pendingHandle;
  pipe.pendingHandle = null;
  return handle;
}

export const HANDLE_ACKNOWLEDGEMENT = { cmd: "NODE_HANDLE_ACK" };

/**
 * Connects to the helper's socket: what it accepts becomes descriptor 3 of the next program that it launches. The same
 * pipe as behind the IPC channel of a child of this process, which Node gives to nobody who has not spawned the child
 * himself. Throws when it cannot be connected.
 */
export function connectChannel(path: string): ChannelEnd {
  const bindings = process as unknown as { binding(name: string): unknown };
  const { Pipe, PipeConnectWrap, constants } = bindings.binding("pipe_wrap") as PipeBinding;
  const { WriteWrap } = bindings.binding("stream_wrap") as StreamBinding;
  const pipe = new Pipe(constants.IPC);
  let isOpen = true;
  const end: ChannelEnd = {
    onData: () => undefined,
    takeHandle: () => takePendingHandle(pipe),
    acknowledge: () => {
      if (!isOpen) return;
      const request = Object.assign(new WriteWrap(), { oncomplete: () => undefined });
      pipe.writeUtf8String(request, `${JSON.stringify(HANDLE_ACKNOWLEDGEMENT)}\n`);
    },
    disconnect: () => {
      if (isOpen) pipe.close();
      isOpen = false;
    },
  };
  pipe.onread = (data) => {
    if (isOpen) end.onData(data);
  };
  const request = Object.assign(new PipeConnectWrap(), {
    oncomplete: (status: number) => {
      if (!isOpen) return;
      if (status === 0) pipe.readStart();
      else end.onData(undefined);
    },
  });
  const error = pipe.connect(request, path);
  if (error === 0) return end;
  end.disconnect();
  throw new Error(`the helper cannot be connected to (${error})`);
}
