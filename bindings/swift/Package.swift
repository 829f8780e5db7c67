// swift-tools-version:5.9
import PackageDescription

// The native library, libixt_uniffi, is built by `bindings/uniffi/library.sh`; the README says how it is found.
let package = Package(
    name: "Ixt",
    platforms: [.macOS(.v12), .iOS(.v15)],
    products: [.library(name: "Ixt", targets: ["Ixt"])],
    targets: [
        .systemLibrary(name: "IxtFFI", path: "Sources/IxtFFI"),
        .target(name: "Ixt", dependencies: ["IxtFFI"], path: "Sources/Ixt"),
    ]
)
