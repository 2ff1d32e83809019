import DarisCore
import Foundation
import NIOCore
import Synchronization
import Testing

@testable import DarisServer

@Suite("The live page", .timeLimit(.minutes(15)))
struct LiveTests {
    /// The JSON of one frame.
    private func data(_ frame: ByteBuffer, _ name: String) throws -> [String: Any] {
        let text = String(buffer: frame)
        #expect(text.hasPrefix("event: \(name)\ndata: ") && text.hasSuffix("\n\n"))
        let lines = text.dropLast(2).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 2, "an event is two lines and an empty one")
        let json = try JSONSerialization.jsonObject(with: Data(lines[1].dropFirst(6).utf8))
        return try #require(json as? [String: Any])
    }

    private func view(_ system: WatchedSystem, since seen: Int = 0) throws -> [String: Any] {
        try data(
            LiveEvents.view(
                system.view.withLock { $0 }, since: seen, isReady: true, requestsInFlight: 2,
                totals: .init(answered: 9, refused: 4)), "view")
    }

    @Test("a frame is one line of JSON whatever names are in it")
    func frames() throws {
        let plan = try data(LiveEvents.plan(try WatchedSystem().plan, version: "1"), "plan")
        let tasks = try #require(plan["tasks"] as? [[String: Any]])
        #expect(tasks.map { $0["name"] as? String } == ["camera", WatchedSystem.awkwardName, "<b>log</b>"])
        #expect(tasks.map { $0["hp"] as? Bool } == [true, false, false])
        #expect((plan["bounds"] as? [Double])?.prefix(3) == [0.1, 0.25, 0.5])
        #expect(String(buffer: LiveEvents.end) == "event: end\ndata: {}\n\n")
    }

    @Test("a view has every lane, context and task in its place")
    func fields() throws {
        let view = try view(try WatchedSystem())
        let lanes = try #require(view["lanes"] as? [Any])
        #expect(lanes.count == 4 && lanes[0] is NSNull)
        #expect(lanes[1] as? [Double] == [1, 7, 1, 11_990, 4, 13_000, 2])
        #expect((view["contexts"] as? [[Double]])?.first == [1, 0.5, 0.25, 1.25, 0, 0])
        #expect((view["contexts"] as? [[Double]])?.last == [0, 0, 0, 0, 0, 1])
        let task = try #require((view["tasks"] as? [[Any]])?.first)
        #expect(task.count == 21 && task[4] as? Int == 5 && task[6] as? Int == 1 && task[13] as? Int == 1)
        // The deadline miss rate, and the buckets with the whole count at the end.
        #expect(task[18] as? Double == 0.2 && (task[20] as? [Int])?.count == TimeBuckets.boundCount + 1)
        #expect((task[20] as? [Int])?.last == 4)
        #expect(view["requests"] as? Int == 2 && view["ready"] as? Bool == true)
    }

    @Test("each stage that ended is sent once, and the number of those that were lost is said")
    func runs() throws {
        let system = try WatchedSystem()
        system.end(stages: 3)
        #expect((try view(system)["runs"] as? [[Double]])?.first == [0, 0, 0, 1, 11_997, 3, 1])
        #expect((try view(system, since: 1)["runs"] as? [Any])?.count == 2)
        #expect((try view(system, since: 3)["runs"] as? [Any])?.count == 0)
        system.end(stages: 600)
        let later = try view(system, since: 3)
        #expect((later["runs"] as? [Any])?.count == 512 && later["lost"] as? Int == 88)
    }

    @Test("the page allows its own script and style, once each answer, and nothing from elsewhere")
    func page() throws {
        let page = LivePage()
        let responses = (0..<2).map { _ in page.response() }
        let policies = responses.compactMap { $0.headers[.contentSecurityPolicy] }
        #expect(Set(policies).count == 2, "a nonce is for one answer")
        #expect(
            policies.allSatisfy { $0.hasPrefix("default-src 'none'") && !$0.contains("unsafe") && !$0.contains("http") }
        )
        #expect(responses[0].headers[.xContentTypeOptions] == "nosniff")
        #expect(responses[0].headers[.cacheControl] == "no-store")
        for part in [PackageResources.page_html, PackageResources.page_js, PackageResources.stream_js] {
            let text = String(decoding: part, as: UTF8.self)
            for word in ["innerHTML", "localStorage", "eval(", "src=\"http", "style=\""] {
                #expect(!text.contains(word), "\(word)")
            }
        }
    }

    // MARK: - The feed

    private func frame(_ number: Int) -> ByteBuffer { ByteBuffer(string: "\(number)") }

    @Test("all watchers get the same events of one producer, which ends when nobody watches")
    func oneProducer() async throws {
        let producers = Atomic(0)
        let events = Atomic(0)
        let feed = LiveFeed {
            producers.add(1, ordering: .relaxed)
            return { ByteBuffer(string: "\(events.add(1, ordering: .relaxed).newValue)") }
        }
        let seats = try (0..<3).map { _ in try feed.join {} }
        #expect(feed.watchers == 3)
        var heard: [[String]] = []
        for seat in seats {
            var own: [String] = []
            for await event in seat.events {
                own.append(String(buffer: event))
                if own.count == 3 { break }
            }
            heard.append(own)
        }
        // Where the machine is busy, who comes late may have lost a seat and heard less.
        for own in heard {
            let numbers = own.compactMap { Int($0) }
            #expect(numbers == numbers.sorted() && Set(numbers).count == own.count, "each once, in order: \(own)")
        }
        #expect(!heard[0].isEmpty)
        #expect(producers.load(ordering: .relaxed) == 1)
        for seat in seats { feed.leave(seat) }
        feed.leave(seats[0])
        #expect(feed.watchers == 0)
        try await Task.sleep(for: LiveFeed.interval * 3)
        let count = events.load(ordering: .relaxed)
        try await Task.sleep(for: LiveFeed.interval * 3)
        #expect(events.load(ordering: .relaxed) == count, "nobody watches, so nothing is made")
        let again = try feed.join {}
        for await _ in again.events { break }
        #expect(producers.load(ordering: .relaxed) == 2)
        feed.leave(again)
    }

    @Test("one more watcher than there are seats is refused, and says when to come again")
    func seats() throws {
        let feed = LiveFeed(limit: 2) { { nil } }
        let first = try feed.join {}
        _ = try feed.join {}
        let error = try #require(throws: InferenceError.self) { try feed.join {} }
        #expect(error.refusal != nil && error.message.contains("2 watch already") && error.retryAfter != nil)
        feed.leave(first)
        #expect(throws: Never.self) { try feed.join {} }
    }

    @Test("a watcher that takes no events loses its seat; the others keep theirs")
    func slow() async throws {
        let feed = LiveFeed { { ByteBuffer(string: "x") } }
        let slow = Atomic(false)
        let fast = Atomic(false)
        let idle = try feed.join { slow.store(true, ordering: .relaxed) }
        let seat = try feed.join { fast.store(true, ordering: .relaxed) }
        var count = 0
        for await _ in seat.events {
            count += 1
            if slow.load(ordering: .relaxed) { break }
        }
        let (hasSlowGone, hasFastGone) = (slow.load(ordering: .relaxed), fast.load(ordering: .relaxed))
        #expect(hasSlowGone)
        // Where the machine is busy, the other may have fallen behind too; else it has its seat and all events.
        if !hasFastGone { #expect(count >= LiveFeed.backlog && feed.watchers == 1) }
        feed.leave(idle)
        feed.leave(seat)
    }

    @Test("a seat that is forgotten is free again")
    func forgotten() async throws {
        let feed = LiveFeed { { ByteBuffer(string: "x") } }
        let seat = try feed.join {}
        _ = try feed.join {}
        for await _ in seat.events where feed.watchers == 1 { break }
        feed.leave(seat)
        #expect(feed.watchers == 0)
    }

    @Test("at the end watchers hear of it, nobody may come, and who does not go is let go of")
    func end() async throws {
        let feed = LiveFeed { { nil } }
        let gone = Atomic(false)
        let stuck = try feed.join { gone.store(true, ordering: .relaxed) }
        let seat = try feed.join {}
        feed.end(grace: .milliseconds(50))
        var heard: [String] = []
        for await event in seat.events { heard.append(String(buffer: event)) }
        feed.leave(seat)
        #expect(heard == ["event: end\ndata: {}\n\n"])
        #expect(throws: InferenceError.self) { try feed.join {} }
        while !gone.load(ordering: .relaxed) { try await Task.sleep(for: .milliseconds(5)) }
        #expect(feed.watchers == 0)
        feed.leave(stuck)
    }
}
