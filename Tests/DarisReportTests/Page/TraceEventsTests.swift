import DarisCore
import Foundation
import Testing

@testable import DarisReport

@Suite("Trace events")
struct TraceEventsTests {
    private func trace(_ run: RecordedRun) throws -> [[String: Any]] {
        let bytes = Bytes()
        try TraceEvents.write(try run.reader(), version: "1.2.3") { bytes.all += $0 }
        let object = try JSONSerialization.jsonObject(with: Data(bytes.all)) as? [String: Any]
        return try #require(object?["traceEvents"] as? [[String: Any]])
    }

    private final class Bytes { var all: [UInt8] = [] }

    private func slices(_ events: [[String: Any]]) -> [[String: Any]] { events.filter { $0["ph"] as? String == "X" } }

    @Test("a slice for every stage that ran, named and explained, and no two at once on a lane")
    func slices() throws {
        let run = RecordedRun.eventful
        let slices = slices(try trace(run))
        let dispatches = try run.record().entries.count {
            if case .command(.dispatch) = $0.content { true } else { false }
        }
        #expect(slices.count == dispatches)
        var ends: [String: Double] = [:]
        for slice in slices.sorted(by: { ($0["ts"] as? Double ?? 0) < ($1["ts"] as? Double ?? 0) }) {
            let lane = "\(slice["pid"] ?? 0)/\(slice["tid"] ?? 0)"
            let (start, span) = (try #require(slice["ts"] as? Double), try #require(slice["dur"] as? Double))
            #expect(start >= ends[lane] ?? 0)
            ends[lane] = start + span
            let arguments = try #require(slice["args"] as? [String: Any])
            for key in ["job", "stage", "stages", "mret_ms", "deadline_s", "outcome"] { #expect(arguments[key] != nil) }
        }
        #expect(slices.contains { $0["name"] as? String == "</script>\"τ\\ 1/2" })
        #expect(slices.contains { $0["name"] as? String == "front 2/2" && $0["cat"] as? String == "HP" })
        let outcomes = Set(slices.compactMap { ($0["args"] as? [String: Any])?["outcome"] as? String })
        #expect(outcomes == ["completed", "failed", "lost", "unfinished"])
    }

    @Test("the release of a job with a client's trace names the trace")
    func clients() throws {
        var run = RecordedRun.eventful
        run.traces[JobID(task: 0, sequence: 2)] = TraceContext(
            traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        let arguments = try trace(run).compactMap { $0["args"] as? [String: Any] }.filter { $0["trace_id"] != nil }
        #expect(arguments.count == 1 && arguments[0]["job"] as? String == "front #2")
        #expect(arguments[0]["trace_id"] as? String == "0af7651916cd43dd8448eb211c80319c")
        #expect(arguments[0]["parent_id"] as? String == "b7ad6b7169203331")
    }

    @Test("instants for releases and for what went wrong, counters that change, names for contexts and lanes")
    func others() throws {
        let run = RecordedRun.eventful
        let events = try trace(run)
        let names = events.filter { $0["ph"] as? String == "i" }.compactMap { $0["name"] as? String }
        let releases = run.events.count { if case .jobReleased = $0.event { true } else { false } }
        #expect(names.count { $0.hasPrefix("release: ") } == releases)
        for name in [
            "deadline missed: front", "rejected: big", "skipped: front", "dropped: drops", "failed: front",
            "context lost",
            "context restored",
        ] { #expect(names.contains(name), "\(name) of \(names)") }
        let counters = Set(events.filter { $0["ph"] as? String == "C" }.compactMap { $0["name"] as? String })
        #expect(counters == ["ready stages", "active utilisation, lanes"])
        let threads = events.filter { $0["name"] as? String == "thread_name" }
            .compactMap { ($0["args"] as? [String: Any])?["name"] as? String }
        #expect(threads == ["lane 0", "jobs", "lane 0", "jobs"])
    }

    @Test("arrows join the stages of a job that has several, from the first to the last")
    func flows() throws {
        let events = try trace(.eventful)
        let flows = events.filter { $0["cat"] as? String == "job" }
        // Job 0 of task 0 is number 0: two stages, an arrow that starts and one that ends.
        let first = flows.filter { $0["id"] as? Int == 0 }.compactMap { $0["ph"] as? String }
        #expect(first == ["s", "f"])
        for flow in flows {
            let isInSlice = slices(events).contains {
                $0["pid"] as? Int == flow["pid"] as? Int && $0["tid"] as? Int == flow["tid"] as? Int
                    && $0["ts"] as? Double == flow["ts"] as? Double
            }
            #expect(isInSlice)
        }
    }

    @Test("a failed write ends the trace with its error")
    func unwritable() throws {
        struct Full: Error {}
        #expect(throws: Full.self) {
            try TraceEvents.write(try RecordedRun.eventful.reader(), version: "") { _ in throw Full() }
        }
    }
}
