import DarisCore
import Testing

@testable import DarisRuntime

@Suite("Programs that are read while they run", .timeLimit(.minutes(15)))
struct ProgramLinesTests {
    private func lines(
        _ script: String, limit: Nanoseconds = .seconds(Int64(60)), isCancelled: () -> Bool = { false }
    ) -> (lines: [String], error: DeviceError?) {
        var lines: [String] = []
        do throws(DeviceError) {
            try ProgramLines.run(["/bin/sh", "-c", script], limit: limit, isCancelled: isCancelled) { lines.append($0) }
            return (lines, nil)
        } catch {
            return (lines, error)
        }
    }

    @Test("every line comes in order, a last one without an end, too")
    func all() {
        let (found, error) = lines("echo one; echo; printf 'two\\nthree'")
        #expect(found == ["one", "", "two", "three"] && error == nil)
    }

    @Test("a line comes while the program still runs: it ends only because of what its reader does")
    func atOnce() {
        var seen = false
        let (found, error) = lines(
            "echo ready; exec sleep 1000",
            isCancelled: {
                defer { seen = true }
                return seen
            })
        #expect(found == ["ready"] && error == nil)
    }

    @Test("what has not ended by the limit is killed, and has said what it said")
    func limit() {
        let (found, error) = lines("echo early; exec sleep 1000", limit: .milliseconds(300))
        #expect(found == ["early"])
        #expect(error?.description.contains("had not ended after") == true)
    }

    @Test("a failure has the exit code and the last line of the errors")
    func failure() {
        let (found, error) = lines("echo a; echo b >&2; echo why >&2; exit 3")
        #expect(found == ["a"] && error?.description == "/bin/sh ended with exit code 3: why")
        #expect(lines("kill -9 $$").error?.description == "/bin/sh ended with signal 9: it said nothing")
    }

    @Test("a program that is not there is an error")
    func missing() {
        #expect(throws: DeviceError.self) {
            try ProgramLines.run(["/nowhere/at/all"], limit: .seconds(Int64(5))) { _ in }
        }
        #expect(throws: DeviceError.self) { try ProgramLines.run([], limit: .seconds(Int64(5))) { _ in } }
    }
}
