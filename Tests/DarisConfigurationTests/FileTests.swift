import Foundation
import Testing

@testable import DarisConfiguration

@Suite("Files")
struct FileTests {
    /// What reading a file says, with `path` in it for the file's name.
    private func complaint(_ path: String) -> String? {
        do throws(ConfigurationError) {
            _ = try TaskSet.read(path: path)
            return nil
        } catch {
            return error.description
        }
    }

    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("daris-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.path)
    }

    @Test("a file is read, and the paths in it are relative to its folder")
    func read() throws {
        try withFolder { folder in
            let path = folder + "/t.yaml"
            try exampleText.write(toFile: path, atomically: true, encoding: .utf8)
            let set = try TaskSet.read(path: path)
            #expect(set.source == path)
            #expect(set.models[1].source == .file(folder + "/models/unet.onnx"))
        }
    }

    @Test("a missing file, a folder and a file in place of a folder are named as such")
    func missing() throws {
        try withFolder { folder in
            #expect(complaint(folder + "/no.yaml") == "\(folder)/no.yaml: there is no such file; check the path")
            #expect(complaint(folder) == "\(folder): is a folder; name the YAML file in it")
            try exampleText.write(toFile: folder + "/t.yaml", atomically: true, encoding: .utf8)
            #expect(
                complaint(folder + "/t.yaml/x.yaml")
                    == "\(folder)/t.yaml/x.yaml: there is no such file; check the path")
        }
        #expect(complaint("") == ": there is no such file; check the path")
    }

    @Test("an endless file is read no further than the limit")
    func endless() {
        #expect(complaint("/dev/zero") == "/dev/zero: is larger than 4 MiB; a task set must be smaller")
    }

    @Test("a file that is not UTF-8 is refused at the first byte that is not")
    func encoding() throws {
        let bytes = Array("load: 1\r\nrun: é".utf8) + [0xE9, 0x0A]
        #expect(
            throws: ConfigurationError(
                file: "t.yaml", line: 2, column: 7, message: "is not UTF-8 here; save the file as UTF-8")
        ) { try TaskSet.parse(bytes, file: "t.yaml") }
        let utf16 = Array(exampleText.utf16).flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        #expect(throws: ConfigurationError.self) { try TaskSet.parse([0xFF, 0xFE] + utf16, file: "t.yaml") }
        #expect(throws: ConfigurationError.self) { try TaskSet.parse(utf16, file: "t.yaml") }
    }
}
