// swift-tools-version: 6.1
import PackageDescription

/// Adapters export one symbol and keep every other one to themselves (docs/architecture.md, "Adapters").
let adapterLinking: [LinkerSetting] = [
    .unsafeFlags(["-Xlinker", "--version-script=\(Context.packageDirectory)/Plugins/exports.map"])
]

/// Two thirds of the program would be debug information. Its symbols stay: crash notes name functions by them.
let stripped: [LinkerSetting] = [.unsafeFlags(["-Xlinker", "--strip-debug"], .when(configuration: .release))]

/// Warnings are errors in C.
let strictC: [CSetting] = [.unsafeFlags(["-std=c11", "-Wall", "-Wextra", "-Werror"])]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

/// A layer of the gateway in Sources/Host; `uses` names the layers below it.
func layer(_ name: String, uses: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: uses, path: "Sources/Host/\(name)")
}

let package = Package(
    name: "nexus",
    products: [
        .executable(name: "nexus", targets: ["nexus"]),
        .library(name: "OpenAICompat", type: .dynamic, targets: ["OpenAICompatEntry"]),
        .library(name: "Ollama", type: .dynamic, targets: ["OllamaEntry"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // The ABI and what binds it.
        .target(name: "PluginAPI", exclude: ["abi", "rust"], cSettings: strictC),
        // What may cross the ABI, for the hosts of adapters: the gateway, the scripted one of the checks, the one of tests.
        .target(name: "ABIRules", dependencies: ["PluginAPI"]),
        .systemLibrary(
            name: "CLibFFI", pkgConfig: "libffi", providers: [.apt(["libffi-dev"])]),

        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),

        // Values that host and adapters both need. Adapters compile these sources into themselves.
        .target(name: "JSON"),
        .target(name: "EventStream"),
        // The version, for the gateway and the adapters that come with it.
        .target(name: "Product"),

        // The gateway, bottom up.
        .target(name: "Shims", path: "Sources/Host/Shims", cSettings: strictC),
        layer("Core", uses: ["JSON", "Shims", nioCore]),
        layer("HTTP1", uses: ["Shims"]),
        layer("Compression", uses: ["Shims"]),
        layer("Upstream", uses: ["Compression", "Core", "HTTP1", "Shims", nioCore, nioPosix, nioSSL, nioTLS]),
        layer(
            "AdapterHost",
            uses: [
                "Core", "JSON", "HTTP1", "Upstream", "ABIRules", "Product", "PluginAPI", "CLibFFI", "Shims", nioCore,
                nioSSL, logging,
            ]),
        layer(
            "Conformance",
            uses: ["ABIRules", "AdapterHost", "Core", "EventStream", "JSON", "PluginAPI", "Product", "Shims"]),
        layer("SQLite", uses: ["CSQLite"]),
        layer("Store", uses: ["Core", "JSON", "SQLite", "Shims"]),
        layer("Tracing", uses: ["Core", "HTTP1", "JSON"]),
        layer("Routing", uses: ["Core"]),
        // What a service manager (systemd) says and is told.
        layer("Service", uses: ["Shims"]),
        layer("Dialects", uses: ["Core", "EventStream", "JSON"]),
        .target(
            name: "DashboardAssets", path: "Sources/Host/DashboardAssets",
            cSettings: [.unsafeFlags(["-std=c23", "-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "AuthorAssets", path: "Sources/Host/AuthorAssets",
            cSettings: [.unsafeFlags(["-std=c23", "-Wall", "-Wextra", "-Werror"])]),
        layer("Scaffold", uses: ["AuthorAssets"]),
        layer("Terminal", uses: ["JSON", "Shims"]),
        layer("Dashboard", uses: ["Compression", "Core", "DashboardAssets"]),
        layer("Config", uses: ["Core", "JSON", .product(name: "TOMLKit", package: "TOMLKit")]),
        // Other gateways' configurations, for the command line alone: nothing that serves needs YAML.
        layer("Import", uses: ["Config", "Core", "JSON", .product(name: "Yams", package: "Yams")]),
        layer(
            "Gateway",
            uses: [
                "ABIRules", "Compression", "Config", "Core", "HTTP1", "Upstream", "AdapterHost", "Routing", "Dialects",
                "Dashboard",
                "EventStream", "Product", "Service", "Store", "Tracing", nioCore, nioPosix, nioSSL, nioTLS,
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"), logging,
            ]),
        .executableTarget(
            name: "nexus",
            dependencies: [
                "Config", "Gateway", "Conformance", "Core", "EventStream", "Import", "JSON", "Scaffold", "Service",
                "Store", "Terminal",
                nioCore, nioPosix, nioSSL, logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Host/CLI", linkerSettings: stripped),

        .executableTarget(
            name: "abi-benchmark",
            dependencies: ["AdapterHost", "Core", "Upstream", nioCore, nioPosix, nioSSL, logging],
            path: "benchmarks/abi", exclude: ["adapter.c"]),
        // What a request costs, counted: a fixed run on one thread.
        .target(name: "CostCounting", path: "benchmarks/cost/counting", cSettings: strictC),
        .executableTarget(
            name: "cost",
            dependencies: [
                "AdapterHost", "Core", "CostCounting", "Gateway", "OpenAICompat", "PluginAPI", "Routing", "Shims",
                "Upstream", nioCore, nioEmbedded,
            ],
            path: "benchmarks/cost", exclude: ["counting"], linkerSettings: stripped),

        // The adapters: nothing of the Host in them. What they do and the exported entry are apart, so that tests can link
        // both adapters into one program.
        .target(
            name: "OpenAICompat", dependencies: ["PluginAPI", "Product"], path: "Plugins/OpenAICompat",
            exclude: ["Entry"]),
        .target(
            name: "OpenAICompatEntry", dependencies: ["OpenAICompat", "PluginAPI"],
            path: "Plugins/OpenAICompat/Entry", linkerSettings: adapterLinking),
        .target(name: "Ollama", dependencies: ["PluginAPI", "Product"], path: "Plugins/Ollama", exclude: ["Entry"]),
        .target(
            name: "OllamaEntry", dependencies: ["Ollama", "PluginAPI"], path: "Plugins/Ollama/Entry",
            linkerSettings: adapterLinking),

        // The host as adapters see it, for their tests.
        .target(name: "FakeHost", dependencies: ["ABIRules", "PluginAPI"], path: "Tests/FakeHost"),
        // The gateway inside a simulation: a library for the tests and for the program that runs seeds (`make simulate`).
        .target(
            name: "Simulation",
            dependencies: [
                "Gateway", "AdapterHost", "Config", "Core", "Dialects", "JSON", "Upstream", "Shims", "OpenAICompat",
                "PluginAPI", nioCore, nioEmbedded, nioSSL, logging,
            ],
            path: "Tests/Simulation",
            // Thousands of runs are part of every test; the actors need not be slow for that.
            swiftSettings: [.unsafeFlags(["-O"], .when(configuration: .debug))]),
        .executableTarget(name: "simulate", dependencies: ["Simulation"], path: "Tests/Simulate"),
        .testTarget(name: "SimulationTests", dependencies: ["Simulation"]),
        // Each parser of bytes from outside with what must hold of it: a short run in the tests, long ones by scripts/fuzz.sh.
        .target(
            name: "Fuzz",
            dependencies: [
                "ABIRules", "AdapterHost", "Compression", "Config", "Core", "Dialects", "EventStream", "Gateway",
                "HTTP1", "JSON",
                "Ollama", "OpenAICompat", "PluginAPI", "SQLite", "Store", nioCore,
            ],
            path: "Tests/Fuzz", exclude: ["Corpus", "Entry", "Main"]),
        .testTarget(name: "FuzzTests", dependencies: ["Fuzz"]),
        .testTarget(name: "JSONTests", dependencies: ["JSON"]),
        .testTarget(name: "EventStreamTests", dependencies: ["EventStream"]),
        .testTarget(name: "CoreTests", dependencies: ["Core", "JSON", nioCore, nioEmbedded, nioPosix]),
        .testTarget(name: "HTTP1Tests", dependencies: ["HTTP1"]),
        .testTarget(name: "CompressionTests", dependencies: ["Compression"]),
        .testTarget(name: "StoreTests", dependencies: ["Core", "JSON", "SQLite", "Store"]),
        .testTarget(name: "TracingTests", dependencies: ["Tracing"]),
        .testTarget(name: "RoutingTests", dependencies: ["Routing"]),
        .testTarget(name: "ServiceTests", dependencies: ["Service"]),
        .testTarget(name: "DialectsTests", dependencies: ["Core", "Dialects", "JSON"], resources: [.copy("Golden")]),
        .testTarget(name: "ConfigTests", dependencies: ["Config"]),
        .testTarget(name: "ImportTests", dependencies: ["Config", "Core", "Import"], exclude: ["Golden"]),
        .testTarget(name: "ScaffoldTests", dependencies: ["Scaffold"]),
        .testTarget(name: "TerminalTests", dependencies: ["JSON", "Terminal"]),
        .testTarget(name: "DashboardTests", dependencies: ["Dashboard", "JSON"], exclude: ["Vectors"]),
        .testTarget(name: "ABIRulesTests", dependencies: ["ABIRules", "PluginAPI"]),
        .testTarget(name: "AdapterKitTests", dependencies: ["ABIRules", "FakeHost", "PluginAPI"]),
        .testTarget(name: "OpenAICompatTests", dependencies: ["ABIRules", "OpenAICompat", "FakeHost", "PluginAPI"]),
        .testTarget(
            name: "OllamaTests", dependencies: ["ABIRules", "Ollama", "FakeHost", "PluginAPI"],
            resources: [.copy("Golden")]),
        .testTarget(
            name: "UpstreamTests",
            dependencies: ["Compression", "Upstream", "HTTP1", nioCore, nioEmbedded, nioPosix, nioSSL, nioTLS]),
        .testTarget(name: "AdapterHostTests", dependencies: ["ABIRules", "AdapterHost", "JSON", "PluginAPI"]),
        .testTarget(
            name: "ConformanceTests", dependencies: ["ABIRules", "Conformance", "AdapterHost", "JSON", "PluginAPI"]),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Config", "Gateway", "AdapterHost", "Core", "Dialects", "HTTP1", "JSON", nioCore, nioEmbedded, nioSSL,
                nioTLS,
            ]),
    ],
    swiftLanguageModes: [.v6]
)

// NEXUS_TESTS names one target: the package is that and what it links, so that a build of its own (scripts/sanitize.sh,
// scripts/fuzz.sh) makes nothing that it does not run.
if let tests = Context.environment["NEXUS_TESTS"] {
    // What it needs of libFuzzer is there in a build of its own alone.
    package.targets += [
        .target(name: "FuzzMain", path: "Tests/Fuzz/Main", cSettings: strictC),
        .executableTarget(
            name: "fuzz-one", dependencies: ["Fuzz", "FuzzMain"], path: "Tests/Fuzz/Entry",
            swiftSettings: [.unsafeFlags(["-parse-as-library"])]),
    ]
    var wanted: Set<String> = []
    func want(_ name: String) {
        guard wanted.insert(name).inserted else { return }
        for dependency in package.targets.first(where: { $0.name == name })?.dependencies ?? [] {
            if case .byNameItem(let name, _) = dependency { want(name) }
        }
    }
    want(tests)
    package.targets = package.targets.filter { wanted.contains($0.name) }
    package.products = []
}

// NEXUS_SANITIZE names a sanitizer: what is ours is built under it. Packages are not, so that two sanitizers share their objects.
if let sanitizer = Context.environment["NEXUS_SANITIZE"] {
    for target in package.targets where target.type != .system {
        target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-sanitize=\(sanitizer)"])]
        target.cSettings = (target.cSettings ?? []) + [.unsafeFlags(["-fsanitize=\(sanitizer)"])]
        if target.type == .test {
            target.linkerSettings = (target.linkerSettings ?? []) + [.unsafeFlags(["-sanitize=\(sanitizer)"])]
        }
    }
}
