# frozen_string_literal: true

require 'logger'

module LambentRuntime
  # Where log records go: framed to the platform's telemetry descriptor, or as lines to standard output. A LogDevice, so
  # that a Logger takes it as it is.
  class LogSink < Logger::LogDevice
    TEXT_FRAME = 0xA55A0003
    JSON_FRAME = 0xA55A0002
    PART = 0x20
    HEADER_BYTES = 16
    # The kernel puts nothing of others into a write to a pipe that is no longer.
    ATOMIC_BYTES = 4096
    PART_TEXT_BYTES = ATOMIC_BYTES - HEADER_BYTES - 8
    LEVEL_MASKS = { 'DEBUG' => 0x08, 'INFO' => 0x0C, 'WARN' => 0x10, 'ERROR' => 0x14, 'FATAL' => 0x18 }.freeze

    def self.create
      descriptor = ENV.delete('_LAMBDA_TELEMETRY_LOG_FD')
      return new(nil) if descriptor.nil?

      pipe = IO.for_fd(descriptor.to_i, 'wb', autoclose: false)
      pipe.sync = true
      # Programs that the function starts are not to write here.
      pipe.close_on_exec = true
      new(pipe)
    rescue SystemCallError
      new(nil)
    end

    # Not LogDevice's, which would open a file.
    def initialize(pipe) # rubocop:disable Lint/MissingSuper
      @pipe = pipe
    end

    # The records of a Logger: `write` is told nothing but their text.
    def write(text)
      record(text, json: Logging.json?, level: Logging.level_of(text))
    end

    # Frame: type with the level's mask (4 bytes), length (4), microseconds since 1970 (8), big-endian, then the text. What
    # is longer than the kernel keeps whole comes in parts (0x20 in the type): before the text of each stand the id of the
    # record (4) and the number of bytes still to come (4), which are in its length.
    def record(text, json: false, level: nil)
      # What the function has printed so far was printed before this record.
      $stdout.flush
      return $stdout.write(text) if @pipe.nil?

      payload = text.to_s.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).b
      type = (json ? JSON_FRAME : TEXT_FRAME) | LEVEL_MASKS.fetch(level, 0)
      microseconds = Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)
      if payload.bytesize <= ATOMIC_BYTES - HEADER_BYTES
        write_frame(type, microseconds, payload)
      else
        write_parts(type | PART, microseconds, payload)
      end
    end

    def write_frame(type, microseconds, payload)
      @pipe.write([type, payload.bytesize, microseconds].pack('L>L>Q>') << payload)
    end

    def write_parts(type, microseconds, payload)
      # Of this process's and of this record alone, while it is written.
      record = (Process.pid & 0xFFFF) << 16 | (payload.object_id & 0xFFFF)
      (0...payload.bytesize).step(PART_TEXT_BYTES) do |start|
        text = payload.byteslice(start, PART_TEXT_BYTES)
        left = payload.bytesize - start - text.bytesize
        write_frame(type, microseconds, [record, left].pack('L>L>') << text)
      end
    end

    def reopen(*) = self

    def close; end
  end
end
