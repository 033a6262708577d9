# frozen_string_literal: true

# Entry point of the Ruby runtimes inside a sandbox.
require_relative 'lambent_runtime/main'

LambentRuntime.main
