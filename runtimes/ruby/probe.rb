# frozen_string_literal: true

# Run by Lambent on the host, not in a sandbox: tells what this interpreter is, as one line of JSON.
require 'json'
require 'rbconfig'

executable = File.exist?('/proc/self/exe') ? File.readlink('/proc/self/exe') : File.realpath(RbConfig.ruby)
puts JSON.generate(
  version: RUBY_VERSION,
  executable: executable,
  prefix: RbConfig::CONFIG['prefix'],
  # Unless it was built to be moved, it looks for its library at the place that it was built for.
  needsOriginalPrefix: RbConfig::CONFIG['LIBRUBY_RELATIVE'] != 'yes',
  stable: RUBY_PATCHLEVEL >= 0 && RUBY_ENGINE == 'ruby'
)
