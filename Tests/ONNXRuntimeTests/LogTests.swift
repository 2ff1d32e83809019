import Foundation
import Testing

@testable import ONNXRuntime

@Suite("The log")
struct LogTests {
    @Test("lines go to swift-log with their place, and none to standard error")
    func lines() throws {
        let fixture = try Fixture.make()
        let folder = try TemporaryFolder()
        let path = folder.path + "/stderr"

        let original = dup(STDERR_FILENO)
        let file = open(path, O_CREAT | O_RDWR, 0o600)
        dup2(file, STDERR_FILENO)
        var options = SessionOptions()
        options.logSeverity = .verbose
        let result = Result { try fixture.session(TestModels.dense, options) }
        dup2(original, STDERR_FILENO)
        close(file)
        close(original)

        // Other tests write there meanwhile: hand their lines on.
        let written = try Data(contentsOf: URL(fileURLWithPath: path))
        FileHandle.standardError.write(written)
        _ = try result.get()
        #expect(!String(decoding: written, as: UTF8.self).contains("onnxruntime"))
        let lines = fixture.log.lines
        #expect(lines.contains { $0.level == .trace })
        #expect(lines.contains { $0.level == .info })
        #expect(lines.contains { $0.metadata["location"] != nil })
    }

    @Test("severities map to levels of the same severity")
    func levels() {
        let severities: [LogSeverity] = [.verbose, .info, .warning, .error, .fatal]
        #expect(severities.map(\.level) == [.trace, .info, .warning, .error, .critical])
        #expect(severities == severities.sorted())
    }
}
