//! The peer's service, described here so that no protobuf compiler is needed.

fn main() {
    let method = |name: &str, route: &str, streams: bool| {
        let mut method = tonic_build::manual::Method::builder()
            .name(name)
            .route_name(route)
            .input_type("crate::tonic_peer::Payload")
            .output_type("crate::tonic_peer::Payload")
            .codec_path("tonic_prost::ProstCodec");
        if streams {
            method = method.client_streaming().server_streaming();
        }
        method.build()
    };
    let service = tonic_build::manual::Service::builder()
        .name("Echo")
        .package("bench")
        .method(method("unary", "Unary", false))
        .method(method("each", "Each", true))
        .build();
    tonic_build::manual::Builder::new().compile(&[service]);
}
