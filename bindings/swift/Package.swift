// swift-tools-version:5.9
import PackageDescription

// The native library, libixt_uniffi, is built by `cargo build --release -p ixt-uniffi`; the README says how it is found.
let package = Package(
    name: "Ixt",
    platforms: [.macOS(.v12), .iOS(.v15)],
    products: [.library(name: "Ixt", targets: ["Ixt"])],
    targets: [
        .systemLibrary(name: "IxtFFI", path: "Sources/IxtFFI"),
        .target(name: "Ixt", dependencies: ["IxtFFI"], path: "Sources/Ixt"),
    ]
)
