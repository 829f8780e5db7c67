# frozen_string_literal: true

Gem::Specification.new do |gem|
  gem.name = 'ixt'
  gem.version = '0.1.0'
  gem.summary = "Invocation contexts and credit-controlled streams in canonical Cap'n Proto"
  gem.authors = ['The Ixt authors']
  gem.homepage = 'https://github.com/h-dv/ixt'
  gem.licenses = ['Apache-2.0', 'MIT']
  gem.required_ruby_version = '>= 3.1'
  gem.files = Dir['lib/**/*.rb', 'lib/**/*.{so,dylib}', 'README.md', 'LICENSE-*']
  gem.add_dependency 'ffi', '~> 1.15'
end
