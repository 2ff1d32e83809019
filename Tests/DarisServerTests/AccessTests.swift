import Foundation
import NIOCore
import Testing

@testable import DarisConfiguration
@testable import DarisServer

@Suite("Who may do what")
struct AccessTests {
    private func file(_ text: String) throws -> String {
        let path = NSTemporaryDirectory() + "daris-token-\(UUID().uuidString)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test("tokens stand one a line; empty lines and comments are none")
    func tokens() throws {
        let path = try file("# operators\n\n  first \nsecond\n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let list = try TokenList(path: path)
        #expect(list.contains("first") && list.contains("second"))
        for wrong in ["", "firs", "first ", "firstfirst", "# operators"] { #expect(!list.contains(wrong), "\(wrong)") }
    }

    @Test("a file that cannot be read, or holds nothing, is an error")
    func unusable() throws {
        #expect(throws: ServerError.self) { try TokenList(path: "/nowhere/at/all") }
        let path = try file("# nothing\n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let error = try #require(throws: ServerError.self) { try TokenList(path: path) }
        #expect(error.description.contains("holds no token"))
    }

    @Test("health is for anybody, inference for clients, control for operators")
    func purposes() throws {
        let (clients, operators) = (try file("client"), try file("operator"))
        defer { for path in [clients, operators] { try? FileManager.default.removeItem(atPath: path) } }
        let gate = Gate(inference: try TokenList(path: clients), control: try TokenList(path: operators))
        #expect(throws: Never.self) { try gate.check(nil, for: .health) }
        #expect(throws: Never.self) { try gate.check("Bearer client", for: .inference) }
        #expect(throws: Never.self) { try gate.check("bearer  operator", for: .control) }
        for (header, purpose) in [(nil, .inference), ("Basic client", .inference), ("Bearer operator", .inference)]
            as [(String?, Gate.Purpose)] + [("Bearer client", .control)]
        {
            let error = try #require(throws: InferenceError.self) { try gate.check(header, for: purpose) }
            #expect(error.kind == .unauthorised)
        }
        #expect(throws: Never.self) { try Gate().check(nil, for: .control) }
    }

    @Test("bodies are compressed and decompressed, within the limit")
    func compression() throws {
        let body = ByteBuffer(repeating: 7, count: 100_000)
        for encoding in ["gzip", "deflate"] {
            let (small, name) = try #require(Compression.encoded(body, accepting: encoding))
            #expect(name == encoding && small.readableBytes < 1_000)
            #expect(try Compression.decoded(small, encoding: encoding, limit: 200_000) == body)
            let error = try #require(throws: InferenceError.self) {
                try Compression.decoded(small, encoding: encoding, limit: 50_000)
            }
            #expect(error.message.contains("larger than 50000 bytes when decompressed"))
            var broken = small
            broken.setInteger(UInt64(0x1234_5678), at: broken.readableBytes / 2)
            #expect(throws: InferenceError.self) { try Compression.decoded(broken, encoding: encoding, limit: 200_000) }
        }
        #expect(Compression.isAccepted("br, gzip;q=0.5") && !Compression.isAccepted("br"))
    }
}
