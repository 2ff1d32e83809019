import Foundation
import Testing

@testable import ONNXRuntime

@Suite("Opening the library")
struct LibraryTests {
    @Test("an opened library says its version, path and providers")
    func facts() throws {
        let library = try Fixture.make().library
        #expect(library.version.hasPrefix("1."))
        #expect(FileManager.default.fileExists(atPath: library.path))

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
        #expect(text.contains("\(folder.path)/bin/../lib/daris"))
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

    @Test("a library that is not ONNX Runtime is refused with the missing function")
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

    /// Puts something in the place of a library.
    private func plant(_ folder: String, _ name: String = "libonnxruntime.so") throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: folder + "/" + name))
        chmod(folder, 0o755)
        chmod(folder + "/" + name, 0o644)
    }

    @Test("a library in a folder above the program or the current one is never opened")
    func planted() throws {
        let folder = try TemporaryFolder()
        for place in ["/runtime", "/a/runtime", "/a/b/runtime"] { try plant(folder.path + place) }
        #expect(try LibrarySearch(executableFolder: folder.path + "/a/b").find().path == nil)
        #expect(!LibrarySearch.process.places.contains { $0.contains(FileManager.default.currentDirectoryPath + " ") })
        // A folder called .build makes no package.
        #expect(try LibrarySearch(executableFolder: folder.path + "/a/.build/debug").find().path == nil)
    }

    @Test("a library is found beside the program, where a package puts it, and by a program built in its package")
    func found() throws {
        let folder = try TemporaryFolder()
        let package = folder.path + "/package"
        for version in ["1.9.0", "1.31.1", "1.30.0"] {
            try plant(package + "/runtime", "libonnxruntime.so.\(version)")
        }
        try Data().write(to: URL(fileURLWithPath: package + "/Package.swift"))
        chmod(package, 0o755)
        let search = LibrarySearch(executableFolder: package + "/.build/x/debug")
        let found = try search.find()
        #expect(found.path == package + "/runtime/libonnxruntime.so.1.31.1" && found.origin == .ownBuild)
        try plant(package + "/runtime")
        #expect(try search.find().path == package + "/runtime/libonnxruntime.so")
        let installed = LibrarySearch(executableFolder: folder.path + "/bin")
        for place in ["/bin/../lib", "/bin/../lib/daris", "/bin"] {
            try FileManager.default.createDirectory(atPath: folder.path + "/bin", withIntermediateDirectories: true)
            try plant(folder.path + place)
            let found = try installed.find()
            #expect(found.path == folder.path + place + "/libonnxruntime.so" && found.origin == .program)
        }
    }

    @Test(
        "a library that others may have written is passed over, and it is said",
        arguments: ["/runtime/libonnxruntime.so", "/runtime", ""])
    func writable(place: String) throws {
        let folder = try TemporaryFolder()
        try plant(folder.path + "/runtime")
        try Data().write(to: URL(fileURLWithPath: folder.path + "/Package.swift"))
        let search = LibrarySearch(executableFolder: folder.path + "/.build/debug")
        chmod(folder.path, 0o755)
        #expect(try search.find().path != nil)
        let path = folder.path + place
        chmod(path, 0o757)
        #expect(try search.find() == .init(passedOver: ["\(path) may be written by every user"]))
        let error = #expect(throws: ONNXRuntimeError.self) { try ONNXRuntimeLibrary.open(searching: search) }
        #expect(error?.description.contains("not used: \(path) may be written by every user") == true)
        guard geteuid() == 0 else { return }
        chmod(path, 0o775)
        chown(path, 0, 4321)
        #expect(try search.find().passedOver == ["\(path) may be written by the group with number 4321"])
        chmod(path, 0o755)
        chown(path, 4321, 4321)
        #expect(try search.find().passedOver == ["\(path) belongs to another user (number 4321)"])
    }

    /// The C library of the system.
    private static let cLibrary: String = {
        let folders = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib", "/lib"]
        let paths = folders.map { $0 + "/libc.so.6" }
        return paths.first { FileManager.default.fileExists(atPath: $0) } ?? "/lib/libc.so.6"
    }()
}
