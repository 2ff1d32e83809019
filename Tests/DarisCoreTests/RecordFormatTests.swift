import Foundation
import Testing

@testable import DarisCore

@Suite("The formats of records")
struct RecordFormatTests {
    /// A simulated run with batches, in the format in which each job of a batch but one had a line of its own.
    private static let old: String = {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("format-1.jsonl")
        return (try? String(contentsOf: url, encoding: .utf8)) ?? ""
    }()

    private func dispatches(_ record: RunRecord) -> [Dispatch] {
        record.entries.compactMap { entry in
            if case .command(.dispatch(let dispatch)) = entry.content { dispatch } else { nil }
        }
    }

    @Test("a record of format 1 is read and replayed, its batches whole")
    func first() throws {
        let record = try RunRecord.read(bytes: Array(Self.old.utf8))
        let lines = Self.old.split(separator: "\n")
        let joins = lines.count { $0.contains("\"c\":\"join\"") }
        #expect(joins > 10 && record.entries.count == lines.count - 2 - joins)
        #expect(dispatches(record).reduce(0) { $0 + $1.jobs.count - 1 } == joins)
        #expect(record.replay() == nil)
    }

    @Test("written anew it says the same in format 2")
    func second() throws {
        let record = try RunRecord.read(bytes: Array(Self.old.utf8))
        let text = String(decoding: record.encoded(), as: UTF8.self)
        #expect(text.contains("\"daris_record\":2") && !text.contains("join"))
        #expect(text.contains("\"c\":\"run\",\"task\":1,\"seq\":0,\"stage\":0,\"lane\":0,\"with\":[2,0,3,0,4,0]}"))
        #expect(try RunRecord.read(bytes: Array(text.utf8)) == record)
    }

    @Test(
        "a batch that is no batch is an error that says where",
        arguments: [
            ("[2,0,3,0,4,0]", "[2,0,3,0,4]", "here stands ']' where ',' would be right"),
            ("[2,0,3,0,4,0]", "[]", "\"with\" must be an integer"),
            ("[2,0,3,0,4,0]", "[2,0,3,0,4,0", "where ']' would be right"),
            ("[2,0,3,0,4,0]", "7", "here stands '7' where '[' would be right"),
            (
                "[2,0,3,0,4,0]", "[" + [String](repeating: "2,0", count: 70).joined(separator: ",") + "]",
                "\"with\" names more jobs than a batch may have"
            ),
        ])
    func wrong(batch: String, other: String, words: String) throws {
        let record = try RunRecord.read(bytes: Array(Self.old.utf8))
        let text = String(decoding: record.encoded(), as: UTF8.self).replacingOccurrences(of: batch, with: other)
        let error = #expect(throws: RecordError.self) { try RunRecord.read(bytes: Array(text.utf8)) }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }

    @Test("without end jobs cannot join, and a batch of other jobs is no longer what was decided")
    func joins() throws {
        var lines = Self.old.split(separator: "\n").map(String.init)
        let place = try #require(lines.firstIndex { $0.contains("\"c\":\"join\"") })
        let endless = lines[...place] + [String](repeating: lines[place], count: 100) + lines[(place + 1)...]
        let error = #expect(throws: RecordError.self) {
            try RunRecord.read(bytes: Array(endless.joined(separator: "\n").utf8))
        }
        #expect(error?.description.contains("more jobs join than a batch may have") == true)
        var stray = lines
        stray.insert(lines[place], at: 1)
        stray[stray.count - 1] = "{\"end\":80000000,\"entries\":\(stray.count - 2)}"
        let early = #expect(throws: RecordError.self) {
            try RunRecord.read(bytes: Array((stray.joined(separator: "\n") + "\n").utf8))
        }
        #expect(early?.description.contains("here no \"run\" follows") == true, "\(String(describing: early))")
        lines[place] = lines[place].replacingOccurrences(of: "\"task\":2", with: "\"task\":0")
        let other = try RunRecord.read(bytes: Array((lines.joined(separator: "\n") + "\n").utf8))
        #expect(other.replay()?.entry != nil)
    }
}
