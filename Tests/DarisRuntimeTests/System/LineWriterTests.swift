import Foundation
import Testing

@testable import DarisRuntime

@Suite("Lines for somebody who may not read them", .timeLimit(.minutes(15)))
struct LineWriterTests {
    private static func line(_ number: Int) -> [UInt8] {
        Array("\(number) \(String(repeating: "x", count: 990))\n".utf8)
    }

    /// Reads lines until these are all.
    private func read(_ pipe: Pipe, until isAll: ([Substring]) -> Bool) -> [Substring] {
        var all = Data()
        while true {
            let text = String(decoding: all, as: UTF8.self)
            let lines = text.split(separator: "\n")
            if text.hasSuffix("\n"), isAll(lines) { return lines }
            let part = pipe.fileHandleForReading.availableData
            if part.isEmpty { return lines }
            all += part
        }
    }

    /// How many lines these say were lost.
    private func lost(_ lines: [Substring]) -> Int {
        lines.filter { $0.contains("were lost here") }.reduce(0) { $0 + (Int($1.prefix { $0 != " " }) ?? 0) }
    }

    @Test("nobody waits for a reader: lines beyond the limit are dropped and counted, and a line says so later")
    func unread() throws {
        let pipe = Pipe()
        let writer = LineWriter(pipe.fileHandleForWriting.fileDescriptor, limit: 20_000)
        // More than the pipe and the writer hold; returns though nothing is read.
        for number in 0..<1_000 { writer.write(Self.line(number)) }
        let dropped = writer.dropped
        #expect(dropped > 0 && dropped < 1_000)
        writer.flush(within: 0.05)
        writer.flush(within: 3_600)

        let lines = read(pipe) { lost($0) == dropped }
        #expect(lines.count { $0.hasSuffix("xxx") } == 1_000 - dropped)
        writer.write(Array("again\n".utf8))
        #expect(read(pipe) { $0.last == "again" } == ["again"])
    }

    @Test("lines come whole and in order")
    func order() throws {
        let pipe = Pipe()
        let writer = LineWriter(pipe.fileHandleForWriting.fileDescriptor)
        for number in 0..<50 { writer.write(Self.line(number)) }
        writer.write(Array("end\n".utf8))
        let lines = read(pipe) { $0.last == "end" }
        #expect(lines.dropLast().map { Int($0.prefix { $0 != " " }) } == Array(0..<50))
        writer.flush(within: 3_600)
        #expect(writer.dropped == 0)
    }

    @Test("what cannot be written at all is counted as lost")
    func noRoom() throws {
        let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
        let writer = LineWriter(full.fileDescriptor)
        writer.write(Self.line(1))
        writer.flush(within: 3_600)
        #expect(writer.dropped == 1)
    }
}
