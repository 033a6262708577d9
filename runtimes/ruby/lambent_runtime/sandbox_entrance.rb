# frozen_string_literal: true

require_relative 'system_calls'

module LambentRuntime
  # The way of a forked process into a sandbox that stands ready.
  class SandboxEntrance
    # Output, the channel, log records: the first process of the sandbox has them for its program.
    HELD_FDS = (1..4)
    # User, mount, network, IPC, UTS and control group namespace.
    NAMESPACES = 0x10000000 | 0x00020000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
    PR_SET_PDEATHSIG = 1
    PR_SET_DUMPABLE = 4
    PR_CAPBSET_DROP = 24
    PR_SET_NO_NEW_PRIVS = 38
    PR_CAP_AMBIENT = 47
    PR_CAP_AMBIENT_CLEAR_ALL = 4
    SIGKILL = 9
    CAPABILITIES = 64
    # Steps of waiting for the sandbox to be built, which takes some milliseconds.
    STEP_SECONDS = 0.0005
    WAIT_SECONDS = 10
    FAILED = 125
    private_constant(*constants(false))

    # `settings`: the first line that a zygote gets, what is the same for every sandbox.
    def initialize(settings)
      @uid, @gid, @open_files, @adjustment =
        settings.values_at('uid', 'gid', 'openFiles', 'oomScoreAdjustment')
      @filter = [settings.fetch('filter')].pack('H*')
    end

    # Becomes the program of the sandbox whose first process the order names; ends this process where that fails. First
    # under the sandbox's limits, then into its namespaces, then without any right: each step takes away what only the
    # steps before needed.
    def enter(order)
      order.fetch('groups').each { |path| write(path, '0') }
      write('/proc/self/oom_score_adj', @adjustment.to_s)
      ENV['LAMBENT_LISTEN'] = '' if order.fetch('hasListeners')
      await_sandbox(order.fetch('holder'), order.fetch('runs'))
      take_descriptors(order.fetch('holderFd'))
      lose_rights
    rescue Exception => e # rubocop:disable Lint/RescueException -- nothing may go on outside of its sandbox
      $stderr.syswrite("the sandbox cannot be entered: #{e.class}: #{e.message}\n")
      exit!(FAILED)
    end

    private

    # When its first process runs the program that holds it, everything is in place: that is done last.
    def await_sandbox(holder, program)
      deadline = now + WAIT_SECONDS
      until File.readlink("/proc/#{holder}/exe") == program
        raise 'it was not built in time' if now > deadline

        sleep STEP_SECONDS
      end
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    # The descriptors that the sandbox was built with, each a copy of the first process's own; enters its namespaces.
    def take_descriptors(holder)
      held = HELD_FDS.map do |descriptor|
        low = SystemCalls.take_descriptor(holder, descriptor)
        SystemCalls.duplicate(low).tap { SystemCalls.close(low) }
      end
      SystemCalls.enter(holder, NAMESPACES)
      SystemCalls.replace(0, File::NULL)
      HELD_FDS.zip(held) { |descriptor, source| SystemCalls.replace(descriptor, source) }
      close_others
    end

    # What is not the interpreter's own.
    def close_others
      Dir.children('/proc/self/fd').map(&:to_i).each do |descriptor|
        next if descriptor <= HELD_FDS.last

        IO.for_fd(descriptor).close
      rescue ArgumentError, Errno::EBADF
        # Reserved by the interpreter, or that of the directory that was read.
        next
      end
    end

    def lose_rights
      Process.setrlimit(:NOFILE, @open_files, @open_files)
      Process.setrlimit(:CORE, 0, 0)
      drop_bounding_set
      # In the sandbox's user namespace: the host knows it by the number of this sandbox alone.
      Process::Sys.setresgid(@gid, @gid, @gid)
      Process::Sys.setresuid(@uid, @uid, @uid)
      SystemCalls.control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
      SystemCalls.lose_capabilities
      SystemCalls.control(PR_SET_NO_NEW_PRIVS, 1)
      # A change of user makes a process opaque even to itself; nobody else can see this one.
      SystemCalls.control(PR_SET_DUMPABLE, 1)
      # After the change of user, which undoes it.
      SystemCalls.control(PR_SET_PDEATHSIG, SIGKILL)
      Process.setsid
      Dir.chdir('/var/task')
      SystemCalls.filter(@filter)
    end

    def drop_bounding_set
      CAPABILITIES.times { |capability| SystemCalls.control(PR_CAPBSET_DROP, capability) }
    rescue Errno::EINVAL
      # Beyond the last one that this kernel knows.
      nil
    end

    def write(path, text)
      File.open(path, File::WRONLY) { |file| file.syswrite(text) }
    end
  end
end
