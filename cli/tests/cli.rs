//! The command as a person and a script use it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn ixt(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ixt"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

const DATA: &str =
    r#"{"stream_id":"0102030405060708090a0b0c0d0e0f10","data":{"sequence":7,"payload":"73646b2d64617461"}}"#;
/// What `capnp convert text:binary` and `binary:canonical` make of that value, behind its segment table.
const DATA_HEX: &str = "000000000700000000000000040001000807060504030201100f0e0d0c0b0a090700000000000000010000000000000001\
0000004200000073646b2d64617461";

#[test]
fn a_frame_goes_to_bytes_and_back() {
    let encoded = ixt(&["encode", "frame"], format!("{DATA}\n").as_bytes());
    assert_eq!(text(&encoded.stdout), format!("{DATA_HEX}\n"));
    assert!(encoded.status.success());
    let decoded = ixt(&["decode", "frame"], &encoded.stdout);
    assert_eq!(text(&decoded.stdout), format!("{DATA}\n"));
    assert!(decoded.status.success());
}

#[test]
fn a_context_goes_to_bytes_and_back() {
    let line = r#"{"source_module":"gateway","target":{"service":"echo"},"metadata":{"tenant":"acme"}}"#;
    let encoded = ixt(&["encode", "context"], line.as_bytes());
    let decoded = ixt(&["decode", "context"], &encoded.stdout);
    assert_eq!(text(&decoded.stdout), format!("{line}\n"));
}

#[test]
fn a_refused_line_gives_its_kind_and_the_rest_goes_on() {
    let input = format!("\n{DATA_HEX}\nzz\n{}\n", &DATA_HEX[..64]);
    let output = ixt(&["decode", "frame"], input.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert!(lines[0].starts_with(r#"{"error":{"kind":"Truncated","message":"#), "{}", lines[0]);
    assert_eq!(lines[1], DATA);
    assert!(lines[2].starts_with(r#"{"error":{"kind":"BadJson","#));
    assert!(lines[3].starts_with(r#"{"error":{"kind":"Truncated","#));
    assert_eq!(lines.len(), 4);

    let not_utf8 = ixt(&["encode", "frame"], b"\xff\n{}\n");
    assert_eq!(not_utf8.status.code(), Some(1));
    assert_eq!(text(&not_utf8.stdout).lines().count(), 2);
}

#[test]
fn a_payload_limit_can_be_set() {
    let refused = ixt(&["decode", "frame", "--max-payload", "7"], DATA_HEX.as_bytes());
    assert!(text(&refused.stdout).contains("FrameTooLarge"));
}

#[test]
fn a_capture_is_printed_with_the_context_of_its_open() {
    let context =
        r#"{"target":{"service":"echo"},"actor":{"subject":{"operator":"alice"},"token_ref":"c0ffee"}}"#;
    let context = ixt(&["encode", "context"], context.as_bytes());
    let context = text(&context.stdout).trim();
    let id = "0102030405060708090a0b0c0d0e0f10";
    let open = format!(
        r#"{{"stream_id":"{id}","open":{{"interaction":"bidiStream","initial_credit":8,"context":"{context}"}}}}"#
    );
    let hex = ixt(&["encode", "frame"], format!("{open}\n{DATA}\n").as_bytes());
    let capture: Vec<u8> = text(&hex.stdout)
        .split_whitespace()
        .flat_map(|line| {
            (0..line.len()).step_by(2).map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap())
        })
        .collect();

    let page = ixt(&["inspect", "-"], &capture);
    let shown = text(&page.stdout);
    assert!(page.status.success());
    for expected in
        ["bidiStream", "operator \"alice\"", "service \"echo\"", "sequence 7", "|sdk-data|", "1 open, 1 data"]
    {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
    assert!(!shown.contains("c0ffee"), "a handle of a token does not show");
    assert!(!shown.contains('\u{1b}'), "no colour where nobody looks");

    let json = ixt(&["inspect", "--json", "--stream", id, "-"], &capture);
    assert_eq!(text(&json.stdout), format!("{open}\n{DATA}\n"));
    let coloured = ixt(&["--color", "always", "inspect", "-"], &capture);
    assert!(text(&coloured.stdout).contains('\u{1b}'));

    let torn = ixt(&["inspect", "-"], &capture[..capture.len() - 1]);
    assert_eq!(torn.status.code(), Some(1));
    assert!(text(&torn.stdout).contains("Truncated"));
    let nowhere = ixt(&["inspect", "/nowhere/at/all"], b"");
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(text(&nowhere.stderr).contains("/nowhere/at/all"));
}

#[test]
fn a_trace_answers_each_line_at_once() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ixt"))
        .arg("trace")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    input.write_all(b"{\"endpoint\":\"opener\",\"kind\":\"unary\"}\n{\"send\":\"00\"}\n").unwrap();
    let mut line = String::new();
    // The input stays open: an answer that waits for its end would hang here.
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert!(line.starts_with(r#"{"result":{"error":"NotOpen"}"#), "{line}");
    drop(input);
    assert!(child.wait().unwrap().success());
    let unknown = ixt(&["trace"], b"{\"endpoint\":\"opener\",\"kind\":\"unary\"}\n{\"jump\":1}\n");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stdout).contains("BadJson"));
}

#[test]
fn help_says_what_each_command_does() {
    let help = ixt(&["--help"], b"");
    let shown = text(&help.stdout);
    for word in ["encode", "decode", "inspect", "trace", "Examples:"] {
        assert!(shown.contains(word), "{word}");
    }
}
