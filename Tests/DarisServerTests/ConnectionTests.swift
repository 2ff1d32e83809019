import DarisCore
import NIOCore
import NIOEmbedded
import NIOHPACK
import Synchronization
import Testing

@testable import DarisServer

@Suite("Connections, and the bytes that they hold")
struct ConnectionTests {
    @Test("when the limit is met, the connection that has been idle longest makes room")
    func eviction() throws {
        let table = ConnectionTable(limit: 2)
        let channels = (0..<4).map { _ in EmbeddedChannel() }
        for channel in channels.prefix(2) {
            #expect(table.opened(channel))
            try channel.connect(to: .init(unixDomainSocketPath: "/x")).wait()
        }
        table.begin(channels[0])
        #expect(table.opened(channels[2]))
        #expect(channels[0].isActive && !channels[1].isActive)
        #expect(table.figures == (3, 1), "one of them is about to close")
        table.closed(channels[1])
        #expect(table.figures == (2, 1))
    }

    @Test("when every connection is busy, a few more are taken for health alone, and then none")
    func reserve() {
        let table = ConnectionTable(limit: 1)
        let busy = (0..<1 + ConnectionTable.reserve).map { _ in EmbeddedChannel() }
        for channel in busy {
            #expect(table.opened(channel))
            table.begin(channel)
        }
        #expect(table.standing(busy[0]) == .ordinary && table.standing(busy[1]) == .healthOnly)
        #expect(!table.opened(EmbeddedChannel()), "none is idle")
        table.finish(busy[1])
        let late = EmbeddedChannel()
        #expect(table.opened(late) && table.standing(late) == .healthOnly)
        table.closed(busy[0])
        let next = EmbeddedChannel()
        #expect(table.opened(next) && table.standing(next) == .ordinary)
    }

    @Test("calls for a connection's end are made once, and not after they were forgotten")
    func calls() throws {
        let table = ConnectionTable(limit: 1)
        let channel = EmbeddedChannel()
        let count = Atomic(0)
        #expect(table.watch(channel) {} == nil)
        #expect(table.opened(channel))
        let first = try #require(table.watch(channel) { count.add(1, ordering: .relaxed) })
        _ = table.watch(channel) { count.add(10, ordering: .relaxed) }
        table.forget(first, of: channel)
        table.closed(channel)
        table.closed(channel)
        #expect(count.load(ordering: .relaxed) == 10)
    }

    /// Shares of requests of high priority, and which of them gave way.
    private func shares(of budget: ByteBudget) -> (shares: [ByteBudget.Share], ended: () -> [Int]) {
        let ended = Ended()
        let shares = (0..<3).map { number in
            let share = budget.share { ended.numbers.withLock { $0.append(number) } }
            share.isLowPriority = false
            return share
        }
        return (shares, { ended.numbers.withLock { $0 } })
    }

    private final class Ended: Sendable {
        let numbers = Mutex<[Int]>([])
    }

    @Test("a quarter is kept for high priority, for which low priority gives way first")
    func reservedQuarter() {
        let budget = ByteBudget(limit: 100)
        let (shares, ended) = shares(of: budget)
        shares[1].isLowPriority = true
        #expect(shares[0].take(20) && shares[1].take(75) && !shares[1].take(1) && ended() == [])
        #expect(shares[2].take(5) && ended() == [])
        #expect(shares[2].take(10) && ended() == [1], "not 0, which has been arriving longer")
        shares[2].isLowPriority = true
        #expect(budget.held == 35 && !shares[2].take(61) && shares[2].take(60) && budget.held == 95)
        shares[2].isLowPriority = false
        #expect(shares[2].take(5) && budget.held == 100)
    }

    @Test("the request that has been arriving longest gives way; one that has arrived does not")
    func budget() {
        let budget = ByteBudget(limit: 100)
        let (shares, ended) = shares(of: budget)
        #expect(shares[0].take(40) && shares[1].take(40))
        shares[0].seal()
        #expect(shares[2].take(50))
        #expect(ended() == [1] && budget.held == 90)
        #expect(!shares[1].take(1), "what gave way holds nothing more")
        #expect(!shares[2].take(11), "nothing but the request itself could give way")
        shares[0].release()
        #expect(shares[2].take(50) && budget.held == 100)
        shares[2].give(back: 70)
        #expect(budget.held == 30)
    }

    @Test("what is between two messages does not give way; its next message is as old as its beginning")
    func messages() {
        let budget = ByteBudget(limit: 100)
        let (shares, ended) = shares(of: budget)
        #expect(shares[0].take(30))
        shares[0].seal()
        #expect(shares[1].take(30))
        shares[0].unseal()
        #expect(shares[0].take(30))
        #expect(shares[2].take(20))
        #expect(ended() == [1] && budget.held == 80)
    }

    @Test("a share that goes away gives back what it held")
    func release() {
        let budget = ByteBudget(limit: 10)
        do {
            let share = budget.share {}
            #expect(share.take(8) && !share.take(1))
        }
        #expect(budget.held == 0)
    }

    @Test("connections leave files for everything else, and too few files are an error that says what to do")
    func files() throws {
        #expect(try FileLimit.connections(wanted: 1_024, listeners: 2, files: 65_536, open: 100) == 1_024)
        let few = try FileLimit.connections(wanted: 1_024, listeners: 2, files: 1_024, open: 60)
        #expect(
            few < 450 && 2 * (few + ConnectionTable.reserve + ConnectionTable.closing) + 60 + FileLimit.reserve <= 1_024
        )
        let error = try #require(throws: ServerError.self) {
            try FileLimit.connections(wanted: 1_024, listeners: 2, files: 240, open: 100)
        }
        #expect(error.description.contains("ulimit -n"))
    }

    @Test(
        "a time-out that the library cannot bear is an error, one that it would misread is put in other words",
        arguments: [
            ("1S", "1S"), ("100m", "100m"), ("0n", "0n"), ("1234567S", nil), ("99999999u", "99999m"),
            ("12345678m", "12345S"), ("99999999n", "99999u"), ("25H", nil), ("24H", "24H"), ("99999999H", nil),
        ] as [(String, String?)])
    func timeouts(value: String, read: String?) throws {
        let headers: HPACKHeaders = ["a": "b", "grpc-timeout": value]
        #expect(try HeaderGuard.checked(headers)["grpc-timeout"] == (read.map { [$0] } ?? []))
    }

    @Test(
        "what is no time-out is an error",
        arguments: ["", "S", "1", "-1S", "+1S", " 1S", "1 S", "1s", "1.5S", "123456789S", "１S", "٣S", "1\0S"])
    func noTimeouts(value: String) {
        #expect(throws: InferenceError.self) { try HeaderGuard.checked(["grpc-timeout": value]) }
    }

    @Test("messages end where their lengths say, however their bytes come", arguments: 0..<200)
    func framing(seed: Int) {
        var random = SystemRandomNumberGenerator()
        let sizes = (0..<Int.random(in: 0...5, using: &random)).map { _ in Int.random(in: 0...300, using: &random) }
        var data: [UInt8] = []
        for size in sizes {
            data += [0, 0, 0, UInt8(size >> 8), UInt8(size & 255)] + [UInt8](repeating: 7, count: size)
        }
        var (framing, found, start) = (MessageFraming(), [Int](), 0)
        while start < data.count {
            let end = min(data.count, start + Int.random(in: 1...50, using: &random))
            found += framing.read(ByteBuffer(bytes: data[start..<end]))
            start = end
        }
        #expect(found == sizes.map { $0 + 5 } && !framing.isInMessage)
        #expect(framing.read(ByteBuffer(bytes: [0, 0])).isEmpty && framing.isInMessage)
    }

    @Test("hosts and origins of a listener that only this machine reaches")
    func hosts() {
        for (authority, host) in [
            ("a.b:80", "a.b"), ("[::1]:8000", "::1"), ("[::1]", "::1"), ("LocalHost", "localhost"), ("", ""),
            (":1", ""),
        ] {
            #expect(OriginRule.host(of: authority) == host)
        }
    }
}
