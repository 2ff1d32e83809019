import DarisCore
import Foundation
import Logging
import Synchronization
import Testing

@testable import DarisServer

/// Lines of a log, as the JSON handler writes them.
final class Lines: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    func logger(_ level: Logger.Level = .debug) -> Logger {
        var logger = Logger(label: "test") { label in
            JSONLogHandler(label: label) { line in self.bytes.withLock { $0 += line } }
        }
        logger.logLevel = level
        return logger
    }

    var all: [[String: Any]] {
        get throws {
            try bytes.withLock { $0 }.split(separator: UInt8(ascii: "\n")).map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
            }
        }
    }
}

@Suite("The log")
struct LogTests {
    @Test("each line is one JSON object with its metadata, nested ones too")
    func json() throws {
        let lines = Lines()
        var logger = lines.logger()
        logger[metadataKey: "always"] = "here"
        logger.info(
            "two\nlines \"quoted\"",
            metadata: ["list": ["a", "b"], "map": ["k": "v"], "level": "fake", "always": "over"])
        let line = try #require(try lines.all.first)
        #expect(line["message"] as? String == "two\nlines \"quoted\"" && line["level"] as? String == "info")
        #expect(line["logger"] as? String == "test" && line["always"] as? String == "over")
        #expect(line["list"] as? [String] == ["a", "b"] && line["map"] as? [String: String] == ["k": "v"])
        #expect(line["metadata_level"] as? String == "fake")
        let time = try #require(line["time"] as? String)
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(time)")
    }

    @Test("a line of text is one line, and does nothing to a terminal, whatever a client wrote into it")
    func text() throws {
        let bytes = Mutex<[UInt8]>([])
        var logger = Logger(label: "test") { label in
            TextLogHandler(label: label) { line in bytes.withLock { $0 += line } }
        }
        logger.logLevel = .debug
        let hostile = "a\n2026 notice FAKE\r\t\u{0}\u{1b}[2J\u{7f}\u{9b}\u{2028}\u{202e}é"
        logger.notice("\(hostile)", metadata: ["model": "\(hostile)", "list": ["\(hostile)"]])
        let text = String(decoding: bytes.withLock { $0 }, as: UTF8.self)
        #expect(text.hasSuffix("\n") && text.dropLast().unicodeScalars.allSatisfy { !$0.properties.isBidiControl })
        let controls = text.dropLast().unicodeScalars.filter {
            [.control, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
        }
        #expect(controls.isEmpty, "\(text)")
        #expect(text.contains("model=a\\n2026 notice FAKE\\r\\t\\u{0}\\u{1b}[2J"))
        #expect(text.contains(" notice test: list="))
        #expect(text.contains("\\u{9b}\\u{2028}\\u{202e}é"))
    }

    @Test("so is a line of JSON, which says the same")
    func hostileJSON() throws {
        let bytes = Mutex<[UInt8]>([])
        let logger = Logger(label: "test") { label in
            JSONLogHandler(label: label) { line in bytes.withLock { $0 += line } }
        }
        let hostile = "a\n\u{1b}\u{7f}\u{9b}\u{2028}\u{202e}é😀"
        logger.notice("\(hostile)")
        let line = bytes.withLock { $0 }
        let wrong = String(decoding: line, as: UTF8.self).dropLast().unicodeScalars.filter {
            [.control, .lineSeparator, .format].contains($0.properties.generalCategory)
        }
        #expect(wrong.isEmpty)
        let json = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        #expect(json["message"] as? String == hostile)
    }

    @Test("a client hears of a device's failure without its words, which the log has")
    func failure() throws {
        let error = InferenceError(
            .notCompleted(.failed, .stageFailed, message: "/root/.cache/daris/stages/1.onnx is broken"), model: "net")
        let lines = Lines()
        RequestJournal(lines.logger()).ended("net", .low, error, after: .zero)
        let reason = try #require(try lines.all.first?["reason"] as? String)
        #expect(reason.contains("/root/.cache/daris/stages/1.onnx is broken"))
        let told = error.forClient(requestID: "abc")
        #expect(told.kind == .failed && told.detail == nil && !told.message.contains("/"))
        #expect(told.message.contains("model 'net'") && told.message.contains("abc"))
    }

    @Test("an answered request is one line at debug level, with its id and trace")
    func answered() throws {
        let lines = Lines()
        let journal = RequestJournal(lines.logger())
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        RequestTag.$current.withValue(RequestTag(id: "abc-1", traceParent: trace)) {
            journal.answered(
                "net", .high,
                .init(total: .milliseconds(9), queue: .microseconds(1_250), compute: .milliseconds(7)), isLate: false)
            journal.call("POST", "/v2/models/net/infer", "200", after: .milliseconds(9))
        }
        let all = try lines.all
        #expect(all.count == 1)
        #expect(all[0]["model"] as? String == "net" && all[0]["priority"] as? String == "high")
        #expect(all[0]["queue_ms"] as? String == "1.250" && all[0]["compute_ms"] as? String == "7.000")
        #expect(all[0]["total_ms"] as? String == "9.000" && all[0]["fate"] as? String == "answered")
        #expect(all[0]["request_id"] as? String == "abc-1" && all[0]["parent_id"] as? String == "b7ad6b7169203331")
        #expect(all[0]["trace_id"] as? String == "0af7651916cd43dd8448eb211c80319c")
        let quiet = Lines()
        RequestJournal(quiet.logger(.notice)).answered(
            "net", .high, .init(total: .zero, queue: .zero, compute: .zero), isLate: true)
        #expect(try quiet.all.isEmpty)
    }

    @Test("refused requests are at notice level, ten a second, and the next line says how many were left out")
    func limited() throws {
        let lines = Lines()
        let second = Atomic<Int64>(0)
        let journal = RequestJournal(lines.logger(.notice)) { second.load(ordering: .relaxed) }
        let error = InferenceError(.ending)
        for _ in 0..<25 { journal.ended("net", .low, error, after: .milliseconds(1)) }
        #expect(try lines.all.count == RequestJournal.linesASecond)
        second.store(1, ordering: .relaxed)
        journal.ended("net", .low, InferenceError(.failed, "the device broke"), after: .zero)
        journal.ended("net", .low, InferenceError(.invalid, "a wrong shape"), after: .zero)
        let all = try lines.all
        #expect(all.count == RequestJournal.linesASecond + 1)
        #expect(all.last?["lines_left_out"] as? String == "15" && all.last?["fate"] as? String == "failed")
        #expect(all.first?["reason"] as? String == "the server is ending" && all.first?["level"] as? String == "notice")
    }

    @Test("an id that is no plain text is replaced")
    func tags() {
        #expect(RequestTag(id: "a-B_9.:/=+@", traceParent: nil).id == "a-B_9.:/=+@")
        for id in [nil, "", "two words", "line\nend", "größe", String(repeating: "x", count: 129)] {
            let made = RequestTag(id: id, traceParent: nil).id
            #expect(made != id && made.count == 16, "\(made)")
        }
        #expect(RequestTag(id: nil, traceParent: nil).id != RequestTag(id: nil, traceParent: nil).id)
    }
}
