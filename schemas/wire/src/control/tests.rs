use super::*;
use crate::frame::TYPE_DATA_FIRST;
use proptest::prelude::*;
use tokio::runtime::Builder;

fn wait<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().build().unwrap().block_on(future)
}

fn hello() -> ToController {
    ToController::Hello {
        protocol: PROTOCOL,
        version: "1".to_owned(),
        host: HostName::from("mx1"),
        boot_id: "b".to_owned(),
        instance: "i".to_owned(),
    }
}

fn received<M: DeserializeOwned>(kind: u16, body: &[u8]) -> Result<M, ControlError> {
    wait(async {
        let mut bytes = Vec::new();
        FrameWriter::new(&mut bytes).write(kind, body).await.unwrap();
        receive(&mut FrameReader::new(bytes.as_slice(), CONTROL_BYTES_MAX)).await
    })
}

#[test]
fn a_message_travels() {
    wait(async {
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes);
        send(&mut writer, &hello()).await.unwrap();
        send(&mut writer, &ToController::Status(Box::default())).await.unwrap();
        let mut reader = FrameReader::new(bytes.as_slice(), GREETING_BYTES_MAX);
        assert_eq!(receive::<_, ToController>(&mut reader).await.unwrap(), hello());
        assert_eq!(receive::<_, ToController>(&mut reader).await.unwrap(), ToController::Status(Box::default()));
        let ended = receive::<_, ToController>(&mut reader).await;
        assert!(matches!(ended, Err(ControlError::Frame(FrameError::Ended))));
    });
}

#[test]
fn what_a_newer_program_adds_is_skipped() {
    let body = br#"{"welcome":{"protocol":1,"version":"9","mood":"good"}}"#;
    let message: ToAgent = received(TYPE_CONTROL, body).unwrap();
    assert_eq!(message, ToAgent::Welcome { protocol: 1, version: "9".to_owned(), renews: false });
}

#[test]
fn other_frames_and_other_texts_are_refused() {
    assert!(matches!(received::<ToAgent>(TYPE_DATA_FIRST, b"{}"), Err(ControlError::Kind(TYPE_DATA_FIRST))));
    for body in [&b""[..], b"{}", b"null", b"{\"unknown\":1}", b"\xff"] {
        assert!(matches!(received::<ToAgent>(TYPE_CONTROL, body), Err(ControlError::Json(_))));
    }
    let deep = "[".repeat(100_000);
    assert!(matches!(received::<ToAgent>(TYPE_CONTROL, deep.as_bytes()), Err(ControlError::Json(_))));
}

#[test]
fn a_message_too_large_is_not_sent() {
    let huge = "x".repeat(CONTROL_BYTES_MAX);
    let mut sink = Vec::new();
    let sent = wait(send(&mut FrameWriter::new(&mut sink), &huge));
    assert!(matches!(sent, Err(ControlError::Frame(FrameError::TooLarge { .. }))));
    assert!(sink.is_empty());
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = received::<ToAgent>(TYPE_CONTROL, &body);
        let _ = received::<ToController>(TYPE_CONTROL, &body);
        let _ = received::<StreamHello>(TYPE_CONTROL, &body);
    }
}
