# frozen_string_literal: true

module LambentRuntime
  # Calls of Linux that Ruby has no methods for. Each raises what the kernel says as a SystemCallError.
  module SystemCalls
    NUMBERS = {
      'x86_64' => { fcntl: 72, close: 3, dup3: 292, setns: 308, prctl: 157, capset: 126 },
      'aarch64' => { fcntl: 25, close: 57, dup3: 24, setns: 268, prctl: 167, capset: 91 }
    }.freeze
    PIDFD_OPEN = 434
    PIDFD_GETFD = 438
    F_DUPFD_CLOEXEC = 1030
    HIGH_FD = 16
    CAPABILITY_VERSION_3 = 0x20080522
    PR_SET_SECCOMP = 22
    SECCOMP_MODE_FILTER = 2
    private_constant(*constants(false))

    class << self
      # A descriptor for the process with that number.
      def open_process(number) = syscall(PIDFD_OPEN, number, 0)

      # A copy of another process's descriptor.
      def take_descriptor(process, descriptor) = syscall(PIDFD_GETFD, process, descriptor, 0)

      # Joins the namespaces of that process, or that namespace.
      def enter(descriptor, namespaces) = call(:setns, descriptor, namespaces)

      def close(descriptor) = call(:close, descriptor)

      # A copy that lies higher than any descriptor with a meaning.
      def duplicate(descriptor) = call(:fcntl, descriptor, F_DUPFD_CLOEXEC, HIGH_FD)

      # The descriptor becomes a copy of another one, or shows that file.
      def replace(descriptor, source)
        return call(:dup3, source, descriptor, 0) if source.is_a?(Integer)

        File.open(source, 'r+') { |file| call(:dup3, file.fileno, descriptor, 0) }
      end

      def control(option, value = 0) = call(:prctl, option, value, 0, 0, 0)

      def lose_capabilities
        header = [CAPABILITY_VERSION_3, 0].pack('L2')
        none = "\0".b * 24
        call(:capset, address(header), address(none))
      end

      # `program`: bytes of BPF instructions, eight each.
      def filter(program)
        # struct sock_fprog
        filter = [program.bytesize / 8, program].pack('Sx6P')
        call(:prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, address(filter), 0, 0)
      end

      private

      def call(name, *arguments) = syscall(numbers.fetch(name), *arguments)

      # Where the bytes lie, for as long as there is the string: the method itself takes no zeros.
      def address(bytes) = [bytes].pack('P').unpack1('J')

      def numbers
        @numbers ||= NUMBERS.fetch(RUBY_PLATFORM[/\A[^-]+/])
      end
    end
  end
end
