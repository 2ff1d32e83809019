import Foundation
import Testing

@testable import ONNXRuntime

@Suite("Opening the library")
struct LibraryTests {
    @Test("an opened library says its version, path, build and providers")
    func facts() throws {
        let library = try Fixture.make().library
        #expect(library.version.hasPrefix("1."))
        #expect(FileManager.default.fileExists(atPath: library.path))
        #expect(library.buildInfo.contains("ORT Build Info"))
        #expect(library.providers.contains("CPUExecutionProvider"))
    }

    @Test("a missing library is reported with what to run and where it was looked for")
    func missing() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: ONNXRuntimeError.self) {
            try ONNXRuntimeLibrary.open(searching: LibrarySearch(executableFolder: folder.path + "/bin"))
        }
        let text = try #require(error).description
        #expect(text.contains("run Scripts/fetch-onnxruntime"))
        #expect(text.contains("DARIS_ONNXRUNTIME"))
        #expect(text.contains("\(folder.path)/bin/../lib"))
    }

    @Test("an override that names nothing is an error even if a library could be found elsewhere")
    func wrongOverride() {
        var search = LibrarySearch.process
        search.override = "/nowhere/libonnxruntime.so"
        let error = #expect(throws: ONNXRuntimeError.self) { try ONNXRuntimeLibrary.open(searching: search) }
        #expect(error == .overrideUnusable(value: "/nowhere/libonnxruntime.so", reason: "nothing is there"))
    }

    @Test("an override that names a folder without a library is an error")
    func emptyOverride() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: ONNXRuntimeError.self) {
            try ONNXRuntimeLibrary.open(searching: LibrarySearch(override: folder.path))
        }
        #expect(error?.description.contains("that folder has no libonnxruntime.so") == true)
    }

    @Test("an override may name the library or its folder")
    func overrides() throws {
        let path = try Fixture.make().library.path
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        for override in [path, folder] {
            let library = try ONNXRuntimeLibrary.open(searching: LibrarySearch(override: override))
            #expect(!library.version.isEmpty)
        }
    }

    @Test("a file that is not a library is refused with the loader's reason")
    func notALibrary() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/libonnxruntime.so"
        try Data("not a library".utf8).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: ONNXRuntimeError.self) {
            try ONNXRuntimeLibrary.open(searching: LibrarySearch(override: path))
        }
        guard case .libraryUnusable(path, let reason) = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
        #expect(!reason.isEmpty)
    }

    @Test("a library that is not ONNX Runtime is refused by what it lacks")
    func anotherLibrary() {
        let error = #expect(throws: ONNXRuntimeError.self) {
            try ONNXRuntimeLibrary.open(searching: LibrarySearch(override: Self.cLibrary))
        }
        #expect(error?.description.contains("OrtGetApiBase") == true, "\(String(describing: error))")
    }

    @Test("an old version is refused with the version found and the version needed")
    func oldVersion() {
        let error = ONNXRuntimeError.unsupportedVersion(path: "/lib/old.so", found: "1.9.0", oldest: "1.17")
        #expect(
            error.description
                == "'/lib/old.so' is ONNX Runtime 1.9.0, but 1.17 or a later 1.x is needed; run Scripts/fetch-onnxruntime"
                + " to get 1.31.1")
    }

    @Test("runtime/ is found from any folder below the project's")
    func walksUp() throws {
        let folder = try TemporaryFolder()
        let runtime = folder.path + "/runtime"
        try FileManager.default.createDirectory(atPath: runtime, withIntermediateDirectories: true)
        for version in ["1.9.0", "1.31.1", "1.30.0"] {
            try Data().write(to: URL(fileURLWithPath: "\(runtime)/libonnxruntime.so.\(version)"))
        }
        let deep = LibrarySearch(currentFolder: folder.path + "/a/b")
        #expect(try deep.find() == runtime + "/libonnxruntime.so.1.31.1")
        try Data().write(to: URL(fileURLWithPath: runtime + "/libonnxruntime.so"))
        #expect(try deep.find() == runtime + "/libonnxruntime.so")
    }

    /// The C library of the system.
    private static let cLibrary: String = {
        let folders = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib", "/lib"]
        let paths = folders.map { $0 + "/libc.so.6" }
        return paths.first { FileManager.default.fileExists(atPath: $0) } ?? "/lib/libc.so.6"
    }()
}
