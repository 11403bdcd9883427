// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "{{name}}",
    products: [.library(name: "{{name}}", type: .dynamic, targets: ["{{module}}"])],
    targets: [
        // The ABI: one C header.
        .target(name: "PluginAPI"),
        // The adapter. AdapterKit and JSON are compiled into it: an adapter is one file that needs Swift's runtime
        // alone.
        .target(
            name: "{{module}}", dependencies: ["PluginAPI"],
            linkerSettings: [
                .unsafeFlags(["-Xlinker", "--version-script=\(Context.packageDirectory)/exports.map"])
            ]),
    ],
    swiftLanguageModes: [.v6]
)
