//! The committed header is what cbindgen makes of the sources, and says what the library says.
//!
//! `IXT_WRITE=1 cargo test -p ixt-c --test header` writes it anew.

use std::path::{Path, PathBuf};

use cbindgen::{Builder, Config, DocumentationStyle, ItemType, Language, Style};
use ixt_core::ErrorKind;

const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/ixt.h");

/// The types of `ffi.rs` that carry the caller's pointers, and what they are in C.
const POINTERS: &[(&str, &str)] = &[
    ("Bytes", "const uint8_t *"),
    ("FramesIn", "const ixt_frame_t *"),
    ("SlicesIn", "const ixt_slice_t *"),
    ("BytesOut", "uint8_t *"),
    ("CharsOut", "char *"),
    ("FramesOut", "ixt_frame_t *"),
    ("ConsumedIn", "const ixt_consumed_t *"),
    ("EventsOut", "ixt_event_t *"),
    ("ConnectionEventsOut", "ixt_connection_event_t *"),
    ("PackedOut", "ixt_node_packed_t *"),
];

const INTRODUCTION: &str = "\
/* ixt.h: module invocations and credit-controlled streams, in C.
 *
 * Made by bindings/c/tests/header.rs; do not edit.
 *
 * Conventions, for every function:
 *
 * - It returns ixt_status_t: IXT_OK, or the number of an error. Other outputs are out-parameters. They are
 *   written on success alone; where an exception is made, its comment says so. With
 *   IXT_ERR_BUFFER_TOO_SMALL, `*written` holds the size that is needed, and nothing else has changed.
 * - Buffers are the caller's. What an input holds is told as places in it (ixt_span_t), and not copied. The
 *   library keeps no pointer beyond a call, and nothing that it gives but the handles (ixt_stream_t,
 *   ixt_connection_t, ixt_host_t, ixt_node_t) has to be freed.
 * - Ownership has four words. Borrowed for the call: the caller keeps it, and may do with it what it likes
 *   after the call. Borrowed until X: it is the library's, and valid until X. Transferred: the other side
 *   frees it from now on. Copied: the library has a copy of its own.
 * - A pointer must not be NULL unless its comment says so, with one exception: data of length 0 may be NULL.
 *   A NULL where none may be is IXT_ERR_NULL_POINTER. Out-parameters of one call must not overlap.
 * - Text is UTF-8 of a given length; no NUL is needed at its end, and none may stand in it.
 * - Nothing waits, reads a clock, draws a random number, starts a thread, calls back, or holds state of a
 *   thread. A panic inside is caught, and IXT_ERR_PANIC returned.
 *
 * Link with `pkg-config --cflags --libs ixt`.
 */";

const MACROS: &str = "

// Initialises an ixt_slice_t with a string literal, without its NUL: `.subject = IXT_TEXT(\"alice\")`.
#define IXT_TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

// The name of every queue group that a node listens in.
#define IXT_NODE_QUEUE \"ixt\"";

fn generate() -> String {
    let crate_dir = env!("CARGO_MANIFEST_DIR");
    let mut config = Config {
        language: Language::C,
        style: Style::Type,
        cpp_compat: true,
        usize_is_size_t: true,
        include_guard: Some("IXT_H".into()),
        no_includes: true,
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h"].map(Into::into).to_vec(),
        header: Some(INTRODUCTION.into()),
        documentation_style: DocumentationStyle::C99,
        after_includes: Some(version_macros() + MACROS),
        ..Config::default()
    };
    config.enumeration.prefix_with_name = false;
    config.export.item_types = vec![
        ItemType::Constants,
        ItemType::Enums,
        ItemType::Structs,
        ItemType::OpaqueItems,
        ItemType::Typedefs,
        ItemType::Functions,
    ];
    config.export.exclude = vec!["ixt_test_panic".into()];
    config.export.include = enums(crate_dir);
    // Only pointers of `ffi.rs` lead to it.
    let by_pointer = ["ixt_event_t", "ixt_connection_event_t", "ixt_consumed_t", "ixt_node_packed_t"];
    config.export.include.extend(by_pointer.map(Into::into));
    for (name, in_c) in POINTERS {
        config.export.exclude.push((*name).into());
        config.export.rename.insert((*name).into(), (*in_c).into());
    }
    let bindings = match Builder::new().with_crate(crate_dir).with_config(config).generate() {
        Ok(bindings) => bindings,
        Err(error) => panic!("cbindgen: {error}"),
    };
    let mut header = Vec::new();
    bindings.write(&mut header);
    let header = String::from_utf8(header).expect("UTF-8");
    // The renamed pointers come with a blank too many.
    POINTERS.iter().fold(header, |header, (_, in_c)| header.replace(&format!("{in_c} "), in_c))
}

/// The names of all enums: no function mentions them, as numbers of later versions must pass.
fn enums(crate_dir: &str) -> Vec<String> {
    let mut names: Vec<String> = sources(&Path::new(crate_dir).join("src"))
        .into_iter()
        .map(|file| std::fs::read_to_string(file).expect("a source"))
        .flat_map(|source| {
            let names = source.lines().filter_map(|line| line.strip_prefix("pub enum "));
            names.map(|rest| rest.trim_end_matches(" {").to_owned()).collect::<Vec<_>>()
        })
        .collect();
    names.sort();
    names
}

/// The files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

fn version_macros() -> String {
    let [major, minor, patch] = version();
    let number = major * 1_000_000 + minor * 1_000 + patch;
    format!(
        "
// The version of this header. ixt_version_number() is that of the loaded library.
#define IXT_VERSION_MAJOR {major}
#define IXT_VERSION_MINOR {minor}
#define IXT_VERSION_PATCH {patch}
#define IXT_VERSION_NUMBER {number}
#define IXT_VERSION \"{major}.{minor}.{patch}\""
    )
}

fn version() -> [u32; 3] {
    [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")]
        .map(|part| part.parse().expect("a number"))
}

#[test]
fn the_header_is_what_the_sources_make() {
    let generated = generate();
    if std::env::var_os("IXT_WRITE").is_some() {
        std::fs::create_dir_all(Path::new(HEADER).parent().expect("a folder")).expect("include");
        std::fs::write(HEADER, &generated).expect("writing the header");
    }
    let committed = std::fs::read_to_string(HEADER).unwrap_or_default();
    if let Some((line, (is, should))) =
        committed.lines().zip(generated.lines()).enumerate().find(|(_, (is, should))| is != should)
    {
        panic!("include/ixt.h:{}: is\n  {is}\nshould be\n  {should}\n(IXT_WRITE=1 writes it anew)", line + 1);
    }
    assert_eq!(committed.len(), generated.len(), "include/ixt.h ends elsewhere (IXT_WRITE=1 writes it anew)");
}

/// `TooManySegments` is `IXT_ERR_TOO_MANY_SEGMENTS`.
fn constant(kind: ErrorKind) -> String {
    let mut name = "IXT_ERR".to_owned();
    for character in kind.name().chars() {
        if character.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

#[test]
fn every_kind_of_error_has_its_constant() {
    let header = generate();
    for kind in ErrorKind::ALL {
        let line = format!("  {} = {},", constant(*kind), kind.code());
        assert!(header.contains(&line), "no line `{line}` in ixt.h: status.rs lacks a kind of the core");
    }
    let constants = header.lines().filter(|line| line.starts_with("  IXT_ERR_")).count();
    assert_eq!(constants, ErrorKind::ALL.len(), "ixt.h has a constant that the core does not know");
}

#[test]
fn every_enumerant_of_the_core_has_its_constant() {
    use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};
    let header = generate();
    let check = |prefix: &str, name: Option<&str>, raw: u16| {
        let mut constant = prefix.to_owned();
        for character in name.unwrap_or_default().chars() {
            if character.is_ascii_uppercase() {
                constant.push('_');
            }
            constant.push(character.to_ascii_uppercase());
        }
        let line = format!("  {constant} = {raw},");
        assert!(header.contains(&line), "no line `{line}` in ixt.h");
    };
    InteractionKind::ALL.iter().for_each(|kind| check("IXT_INTERACTION_", kind.name(), kind.raw()));
    CloseReason::ALL.iter().for_each(|reason| check("IXT_CLOSE_", reason.name(), reason.raw()));
    CancelReason::ALL.iter().for_each(|reason| check("IXT_CANCEL_", reason.name(), reason.raw()));
    StreamErrorCode::ALL.iter().for_each(|code| check("IXT_CODE_", code.name(), code.raw()));
    let ends = ixt_core::connection::EndReason::ALL;
    ends.iter().for_each(|reason| check("IXT_END_", reason.name(), reason.raw()));
}

#[test]
fn the_limits_are_the_cores() {
    use ixt_core::wire;
    let header = generate();
    for (name, value) in [
        ("IXT_MAX_PAYLOAD", wire::MAX_PAYLOAD),
        ("IXT_MAX_TEXT", wire::MAX_TEXT),
        ("IXT_MAX_CONTEXT", wire::MAX_CONTEXT),
        ("IXT_MAX_ENTRIES", wire::MAX_CAPABILITIES),
        ("IXT_MAX_ENTRIES", wire::MAX_METADATA),
        ("IXT_MAX_OVERHEAD", wire::MESSAGE_OVERHEAD),
    ] {
        let line = format!("#define {name} {value}\n");
        assert!(header.contains(&line), "no line `{}` in ixt.h", line.trim());
    }
}

#[test]
fn the_combined_version_is_made_of_its_parts() {
    let macros = version_macros();
    let value = |name: &str| -> u32 {
        let line = macros.lines().find_map(|line| line.strip_prefix(&format!("#define {name} ")));
        line.unwrap_or_else(|| panic!("{name}")).parse().expect("a number")
    };
    let (major, minor, patch) =
        (value("IXT_VERSION_MAJOR"), value("IXT_VERSION_MINOR"), value("IXT_VERSION_PATCH"));
    assert_eq!(value("IXT_VERSION_NUMBER"), major * 1_000_000 + minor * 1_000 + patch);
    assert_eq!(env!("CARGO_PKG_VERSION"), format!("{major}.{minor}.{patch}"));
}

#[test]
fn the_queue_group_is_the_nodes() {
    let line = format!("#define IXT_NODE_QUEUE \"{}\"\n", ixt_host::node::Subscription::QUEUE);
    assert!(generate().contains(&line), "no line `{}` in ixt.h", line.trim());
}

#[test]
fn every_function_says_what_it_owns_returns_and_which_threads_may_call() {
    let header = generate();
    let mut comment = String::new();
    let mut functions = 0;
    let mut lines = header.lines();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("//") {
            comment.push_str(text);
            continue;
        }
        let declares = line.contains(" ixt_") || line.contains(" *ixt_");
        if declares && line.contains('(') && !line.starts_with([' ', '#', '}', '/']) {
            let mut declaration = line.to_owned();
            while !declaration.ends_with(';') {
                declaration.push_str(lines.next().expect("the rest of a declaration").trim_start());
            }
            functions += 1;
            assert!(comment.contains("Threads:"), "no word on threads: {declaration}");
            let returns_nothing = line.starts_with("void") || line.starts_with("uint32_t");
            assert!(
                returns_nothing || comment.contains("Returns:"),
                "no word on what it returns: {declaration}"
            );
            // Handles that stay the caller's need no word; they say in their type who may use them.
            let handles =
                ["ixt_stream_t *", "ixt_sender_t *", "ixt_connection_t *", "ixt_host_t *", "ixt_node_t *"];
            let handle: usize = handles.iter().map(|handle| declaration.matches(handle).count()).sum();
            let pointers = declaration.matches('*').count() - handle;
            let words = ["orrowed", "ransferred", "opied", "written", "as for", "As ixt_"];
            let owned = words.iter().any(|word| comment.contains(word));
            assert!(pointers == 0 || owned, "no word on ownership: {declaration}");
        }
        comment.clear();
    }
    assert!(functions >= 50, "only {functions} functions found");
}

#[test]
fn unsafe_code_stands_in_one_file() {
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let source = std::fs::read_to_string(&path).expect("a source");
        let has = source.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains("unsafe") && !code.contains("unsafe(no_mangle)") && !code.contains("unsafe_")
        });
        let borders = ["ffi.rs", "border_tests.rs", "connection_border_tests.rs", "node_border_tests.rs"];
        let is_the_border = borders.iter().any(|border| path.ends_with(border));
        assert!(!has || is_the_border, "{} has unsafe code", path.display());
    }
}
