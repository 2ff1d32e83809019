// swift-tools-version: 6.2
import PackageDescription

// Warnings are errors where the project itself is checked (CI), not where users build it with a newer compiler.
let settings: [SwiftSetting] =
    [.swiftLanguageMode(.v6)] + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])

let package = Package(
    name: "daris",
    products: [
        .executable(name: "daris", targets: ["DarisCommandLine"]),
        // For programs that run task sets by themselves.
        .library(name: "Daris", targets: ["Daris"]),
        // For those that bring their own clock and device: the scheduler alone.
        .library(name: "DarisCore", targets: ["DarisCore"]),
        // For the tests, which open it at run time.
        .library(name: "FakeCUDA", type: .dynamic, targets: ["FakeCUDA"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The scheduler: a state machine without I/O.
        .target(
            name: "DarisCore",
            dependencies: [
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ], swiftSettings: settings),
        // ONNX files and the reference networks.
        .target(
            name: "DarisONNX",
            dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
            swiftSettings: settings),
        // ONNX Runtime's C interface, opened at run time.
        .target(name: "CONNXRuntime"),
        .target(
            name: "ONNXRuntime",
            dependencies: ["CONNXRuntime", .product(name: "Logging", package: "swift-log")],
            swiftSettings: settings),
        // The CUDA driver, opened at run time.
        .target(name: "CCUDADriver"),
        .target(name: "CUDADriver", dependencies: ["CCUDADriver"], swiftSettings: settings),
        // Task sets in YAML.
        .target(
            name: "DarisConfiguration",
            dependencies: ["DarisCore", .product(name: "Yams", package: "Yams")],
            swiftSettings: settings),
        // Threads, clocks and devices.
        .target(name: "CDarisSystem"),
        .target(
            name: "DarisRuntime",
            dependencies: [
                "DarisCore", "DarisONNX", "DarisConfiguration", "ONNXRuntime", "CUDADriver", "CDarisSystem",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: settings),
        // What a program sees that imports Daris.
        .target(
            name: "Daris", dependencies: ["DarisCore", "DarisConfiguration", "DarisRuntime", "ONNXRuntime"],
            swiftSettings: settings),
        // The same scheduler in virtual time.
        .target(
            name: "DarisSimulator",
            dependencies: [
                "DarisCore", "DarisConfiguration", .product(name: "HeapModule", package: "swift-collections"),
            ],
            resources: [
                .embedInCode("Published/rtx2080ti-tasksets.csv"), .embedInCode("Published/rtx2080ti-batching.csv"),
                .embedInCode("Devices/rtx2080ti.json"), .embedInCode("Devices/h200.json"),
                .embedInCode("Devices/a100.json"), .embedInCode("Devices/orin.json"),
            ], swiftSettings: settings),
        // Run results for people and machines.
        .target(
            name: "DarisReport", dependencies: ["DarisCore"],
            resources: ["page.css", "data.js", "timeline.js", "gestures.js", "charts.js", "start.js"].map {
                .embedInCode("Page/\($0)")
            }, swiftSettings: settings),
        // What a GPU is worth to Daris, measured step by step.
        .target(
            name: "DarisCheck",
            dependencies: [
                "DarisCore", "DarisConfiguration", "DarisRuntime", "DarisSimulator", "DarisReport", "CUDADriver",
            ], swiftSettings: settings),
        // Numbers as text, by C++'s standard library.
        .target(name: "CDarisNumbers"),
        // The task set behind the Open Inference Protocol.
        .target(
            name: "DarisServer",
            dependencies: [
                "DarisCore", "DarisConfiguration", "DarisRuntime", "ONNXRuntime", "CDarisNumbers",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCertificateReloading", package: "swift-nio-extras"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            resources: [
                .embedInCode("GRPC/services.protoset"),
                .embedInCode("Live/Page/page.html"), .embedInCode("Live/Page/page.css"),
                .embedInCode("Live/Page/stream.js"), .embedInCode("Live/Page/timeline.js"),
                .embedInCode("Live/Page/models.js"), .embedInCode("Live/Page/past.js"),
                .embedInCode("Live/Page/page.js"),
            ], swiftSettings: settings),
        // Clients of such a server, to put it under load.
        .target(
            name: "DarisLoad",
            dependencies: [
                "DarisCore",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ], swiftSettings: settings),
        // The command line.
        .executableTarget(
            name: "DarisCommandLine",
            dependencies: [
                "DarisCore", "DarisONNX", "DarisConfiguration", "DarisRuntime", "DarisSimulator", "DarisReport",
                "DarisCheck", "DarisServer", "DarisLoad", "ONNXRuntime", "CUDADriver", "CDarisSystem",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: settings),
        // Measurements of Daris itself; not a product.
        .target(name: "CAllocationCounter", path: "Benchmarks/CAllocationCounter"),
        .executableTarget(
            name: "daris-bench",
            dependencies: [
                "DarisCore", "DarisConfiguration", "DarisRuntime", "DarisSimulator", "DarisServer", "ONNXRuntime",
                "CDarisSystem", "CAllocationCounter",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Benchmarks/daris-bench", swiftSettings: settings),
        // Whole systems with faults, from seeds; not a product.
        .executableTarget(
            name: "daris-fuzz",
            dependencies: ["DarisSimulator", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Benchmarks/daris-fuzz", swiftSettings: settings),
        // Readers of what comes from outside, with inputs of all kinds; not a product. 'make fuzz-inputs' builds it with
        // libFuzzer.
        .executableTarget(
            name: "daris-fuzz-inputs",
            dependencies: [
                "DarisCore", "DarisConfiguration", "DarisONNX", "DarisReport", "DarisServer",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Benchmarks/daris-fuzz-inputs", swiftSettings: settings),
        .testTarget(
            name: "DarisCoreTests", dependencies: ["DarisCore", "DarisSimulator"], exclude: ["format-1.jsonl"],
            swiftSettings: settings),
        .testTarget(
            name: "DarisSimulatorTests", dependencies: ["DarisSimulator", "DarisConfiguration"], swiftSettings: settings
        ),
        // Models and what ONNX Runtime makes of them without Daris, for tests that see no more of the package than others do.
        .target(
            name: "DirectRun", dependencies: ["DarisONNX", "ModelEncoding", "ONNXRuntime"],
            path: "Tests/Support/DirectRun",
            swiftSettings: settings),
        // The libraries as another package sees them.
        .testTarget(
            name: "DarisTests", dependencies: ["Daris", "DarisCore", "DirectRun"], packageAccess: false,
            swiftSettings: settings + [.enableUpcomingFeature("MemberImportVisibility")]),
        .testTarget(name: "DarisONNXTests", dependencies: ["DarisONNX"], swiftSettings: settings),
        // Small ONNX models, byte by byte.
        .target(name: "ModelEncoding", path: "Tests/Support/ModelEncoding", swiftSettings: settings),
        .testTarget(
            name: "ONNXRuntimeTests", dependencies: ["ONNXRuntime", "ModelEncoding"], swiftSettings: settings),
        // A CUDA driver without a GPU, opened at run time as the real one is.
        .target(
            name: "FakeCUDA", path: "Tests/Support/FakeCUDA",
            cSettings: [.headerSearchPath("../../../Sources/CCUDADriver/include")]),
        .target(
            name: "FakeDriver", dependencies: ["CUDADriver"], path: "Tests/Support/FakeDriver",
            swiftSettings: settings),
        .testTarget(name: "CUDADriverTests", dependencies: ["CUDADriver", "FakeDriver"], swiftSettings: settings),
        .testTarget(name: "DarisConfigurationTests", dependencies: ["DarisConfiguration"], swiftSettings: settings),
        .testTarget(
            name: "DarisRuntimeTests",
            dependencies: [
                "DarisCore", "DarisONNX", "DarisConfiguration", "DarisRuntime", "ONNXRuntime", "CUDADriver",
                "FakeDriver", "CDarisSystem", "DarisCommandLine",
            ], swiftSettings: settings),
        .testTarget(
            name: "DarisServerTests",
            dependencies: [
                "DarisServer", "DarisConfiguration", "DarisRuntime", "ONNXRuntime",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ], swiftSettings: settings),
        .testTarget(name: "DarisReportTests", dependencies: ["DarisReport"], swiftSettings: settings),
        .testTarget(name: "DarisCheckTests", dependencies: ["DarisCheck", "DarisSimulator"], swiftSettings: settings),
        // Runs the executable, which the dependency has built first.
        .testTarget(
            name: "CommandLineTests", dependencies: ["DarisCommandLine", "DarisCore"], swiftSettings: settings),
    ],
    cxxLanguageStandard: .cxx17
)
