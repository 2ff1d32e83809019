import DarisCore
import DarisRuntime
import Testing

@testable import DarisServer

@Suite("Clients whose requests end worker processes")
struct CrashBlameTests {
    private let blame = CrashBlame()
    private let mallory = Client.address("10.0.0.1")
    private let alice = Client.address("10.0.0.2")
    private let bob = Client.address("10.0.0.3")

    private func seconds(_ count: Int) -> Nanoseconds { .seconds(Int64(count)) }

    @discardableResult
    private func crash(_ client: Client, at time: Int, alone: Bool = true) -> CrashBlame.Consequence? {
        blame.crashed(client, "net", isAlone: alone, at: seconds(time))
    }

    @Test("three crashes in a row have a client refused for that model, nobody else and for nothing else")
    func threeInARow() {
        #expect(crash(mallory, at: 0) == nil && crash(mallory, at: 1) == nil)
        #expect(blame.refusal(of: mallory, "net", at: seconds(1)) == nil)
        #expect(crash(mallory, at: 2) == .clientRefused(for: seconds(60)))
        #expect(blame.refusal(of: mallory, "net", at: seconds(12)) == seconds(50))
        #expect(blame.refusal(of: mallory, "other", at: seconds(12)) == nil)
        #expect(blame.refusal(of: alice, "net", at: seconds(12)) == nil)
        #expect(blame.unavailability(of: "net", at: seconds(12)) == nil)
        #expect(blame.refusal(of: mallory, "net", at: seconds(62)) == nil)
    }

    @Test("an answer between them starts the row anew, but five crashes within ten minutes are too many all the same")
    func answersBetween() {
        for time in 0..<4 {
            #expect(crash(mallory, at: 100 * time) == nil)
            blame.answered(mallory, "net")
        }
        #expect(crash(mallory, at: 400) == .clientRefused(for: seconds(60)))
        // The same, but so far apart that never five lie within ten minutes.
        for time in 0..<10 {
            #expect(crash(alice, at: 10_000 + 160 * time) == nil)
            blame.answered(alice, "net")
        }
    }

    @Test("each refusal is twice as long as the one before, up to an hour, and one crash is enough for the next")
    func growing() {
        for time in 0..<2 { crash(mallory, at: time) }
        var time = 2
        let lengths: [Int] = (0..<8).map { _ in
            guard case .clientRefused(let length)? = crash(mallory, at: time) else { return 0 }
            time += Int(length.inSeconds)
            return Int(length.inSeconds)
        }
        #expect(lengths == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600])
        // Two hours without a crash, and all is forgotten.
        time += 7_200
        #expect(crash(mallory, at: time) == nil && crash(mallory, at: time) == nil)
        #expect(crash(mallory, at: time) == .clientRefused(for: seconds(60)))
    }

    @Test("crashes of requests that were on their way when their client was refused change nothing")
    func onTheirWay() {
        for _ in 0..<3 { crash(mallory, at: 0) }
        for _ in 0..<10 { #expect(crash(mallory, at: 1) == nil) }
        #expect(blame.refusal(of: mallory, "net", at: seconds(1)) == seconds(59))
    }

    @Test("crashes of several clients, none of which is refused, make the model unavailable for all")
    func severalClients() {
        #expect(crash(mallory, at: 0) == nil && crash(mallory, at: 1) == nil)
        #expect(crash(alice, at: 2) == .modelUnavailable(for: seconds(60)))
        #expect(blame.unavailability(of: "net", at: seconds(32)) == seconds(30))
        #expect(blame.unavailability(of: "other", at: seconds(32)) == nil)
        #expect(blame.unavailability(of: "net", at: seconds(62)) == nil)
        #expect(crash(bob, at: 100) == .modelUnavailable(for: seconds(120)))
    }

    @Test("the crashes of a client that is refused do not count against the model")
    func refusedOnly() {
        for time in 0..<3 { crash(mallory, at: time) }
        for time in 10..<12 { #expect(crash(alice, at: time) == nil) }
        // Two more of one client are no row of several clients.
        #expect(crash(alice, at: 12) == .clientRefused(for: seconds(60)))
        #expect(blame.unavailability(of: "net", at: seconds(13)) == nil)
    }

    @Test("where others ran beside it a crash counts half, and an answer exonerates")
    func beside() {
        for time in 0..<5 { #expect(crash(mallory, at: time, alone: false) == nil) }
        blame.answered(mallory, "net")
        for time in 0..<5 { #expect(crash(mallory, at: 10 + time, alone: false) == nil) }
        #expect(crash(mallory, at: 15, alone: false) == .clientRefused(for: seconds(60)))
    }

    @Test("an innocent client beside one that crashes workers goes on, for its requests are answered")
    func innocent() {
        for time in 0..<20 {
            crash(mallory, at: time, alone: false)
            crash(alice, at: time, alone: false)
            blame.answered(alice, "net")
        }
        #expect(blame.refusal(of: mallory, "net", at: seconds(20)) != nil)
        #expect(blame.refusal(of: alice, "net", at: seconds(20)) == nil)
    }

    @Test("the account is bounded, and forgets those whose last crash is the longest ago")
    func bounded() {
        for time in 0..<3 { crash(mallory, at: time) }
        for number in 0..<CrashBlame.mostAccounts - 1 {
            _ = blame.crashed(.address("\(number)"), "\(number)", isAlone: true, at: seconds(3))
        }
        #expect(blame.refusal(of: mallory, "net", at: seconds(4)) != nil)
        _ = blame.crashed(.address("one more"), "m", isAlone: true, at: seconds(4))
        #expect(blame.refusal(of: mallory, "net", at: seconds(4)) == nil)
    }

    @Test(
        "a client is its token where tokens are needed, else its address; public ones of version 6 by their first half")
    func clients() {
        func client(_ authorization: String?, _ usesTokens: Bool, _ address: String? = "10.0.0.1") -> Client {
            Client(authorization: authorization, usesTokens: usesTokens, address: address)
        }
        #expect(client("Bearer abc", true) == .token("abc") && client("bearer   abc", true) == .token("abc"))
        #expect(client("Bearer abc", false) == .address("10.0.0.1"))
        #expect(client(nil, true) == .address("10.0.0.1") && client(nil, true, nil) == .unknown)
        #expect(!"\(client("Bearer abc", true))".contains("abc"))
        #expect(client(nil, false, "::ffff:10.0.0.1") == .address("10.0.0.1"))
        #expect(client(nil, false, "2001:db8:1:2:3:4:5:6") == client(nil, false, "2001:db8:1:2::9"))
        #expect(client(nil, false, "2001:db8:1:2:3:4:5:6") != client(nil, false, "2001:db8:1:3::9"))
        #expect(client(nil, false, "fd00::1") != client(nil, false, "fd00::2"))
        #expect(Client.address(ofPeer: "ipv4:127.0.0.1:31415") == "127.0.0.1")
        #expect(Client.address(ofPeer: "ipv6:[::1]:443") == "::1")
        for peer in ["", "unix:/tmp/x", "ipv4:", "ipv4:1", "in-process:27182"] {
            #expect(Client.address(ofPeer: peer) == nil, "\(peer)")
        }
    }
}
