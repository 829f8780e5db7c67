//! Makes one language's sources from a built library, in which uniffi has laid down what it exports.
//!
//! `ixt-bindgen kotlin|swift|ruby LIBRARY DIRECTORY`, in the root of the repository, where `uniffi.toml` is.

use std::process::ExitCode;

use uniffi::{GenerateOptions, TargetLanguage, generate};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [language, library, directory] = arguments.as_slice() else {
        eprintln!("usage: ixt-bindgen kotlin|swift|ruby LIBRARY DIRECTORY");
        return ExitCode::from(2);
    };
    let language = match language.as_str() {
        "kotlin" => TargetLanguage::Kotlin,
        "swift" => TargetLanguage::Swift,
        "ruby" => TargetLanguage::Ruby,
        other => {
            eprintln!("ixt-bindgen: no language {other}");
            return ExitCode::from(2);
        }
    };
    let options = GenerateOptions {
        languages: vec![language],
        source: library.into(),
        out_dir: directory.into(),
        config_override: Some("uniffi.toml".into()),
        ..GenerateOptions::default()
    };
    match generate(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ixt-bindgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}
