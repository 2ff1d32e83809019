import DarisCore
import Testing

@testable import DarisConfiguration

@Suite("express: how many")
struct ExpressTests {
    private func set(_ partition: String = "", device: String = "cpu", scheduler: String = "", other: String = "low")
        throws -> TaskSet
    {
        try TaskSet.parse(
            """
            device: \(device)
            partition: {contexts: 2, streams: 3\(partition)}
            models: {net: {builtin: resnet18}}
            tasks: [{name: a, model: net, rate: 20 Hz, priority: high}, {name: b, model: net, rate: 20 Hz, priority: \(other)}]
            scheduler: {\(scheduler)}
            """, file: "t.yaml")
    }

    @Test("a CPU has as many as streams where HP goes first, a GPU and a simulation none")
    func defaults() throws {
        #expect(try set().partition.express == 3)
        #expect(try set(other: "high").partition.express == 0, "where all is HP nothing makes way")
        #expect(try set(device: "cuda").partition.express == 0)
        #expect(try set(device: "rtx2080ti").partition.express == 0)
        #expect(try set(scheduler: "policy: fifo").partition.express == 0)
        #expect(try set(scheduler: "fixed_priority: false").partition.express == 0)
    }

    @Test("what is asked for stays, and what is not follows the device, the streams and the policy")
    func overrides() throws {
        func applied(_ overrides: TaskSet.Overrides, to partition: String = "") throws -> Int {
            var set = try set(partition)
            try set.apply(overrides)
            return set.partition.express
        }
        #expect(try applied(.init(streams: 2)) == 2)
        #expect(try applied(.init(device: "h200")) == 0)
        #expect(try applied(.init(policy: .edf)) == 0)
        #expect(try applied(.init(express: 1)) == 1)
        #expect(try applied(.init(device: "h200"), to: ", express: 2") == 2)
        #expect(try applied(.init(express: 0), to: ", express: 2") == 0)
    }

    @Test("more than streams, or any without priorities, is refused where it stands")
    func refused() throws {
        func complaint(_ body: () throws -> Void) -> String {
            do { try body() } catch { return "\(error)" }
            return ""
        }
        #expect(
            complaint { _ = try set(", express: 4") }
                == "t.yaml:2:47: partition.express: 4 is outside 0 to 3, the number of streams of a context")
        #expect(
            complaint { _ = try set(", express: 1", scheduler: "policy: fifo") }.hasSuffix(
                "partition.express: express lanes are for HP stages, which do not go before LP here: the policy is 'fifo'; "
                    + "write 0"))
        #expect(
            complaint {
                var set = try set()
                try set.apply(.init(streams: 1, express: 2))
            } == "--express: 2 is outside 0 to 1, the number of streams of a context")
        #expect(
            complaint {
                var set = try set(", express: 3")
                try set.apply(.init(streams: 2))
            }.hasPrefix("partition.express: 3 is outside 0 to 2"))
    }

    @Test("it is written where it was asked for, and read back")
    func rendered() throws {
        for partition in ["", ", express: 0", ", express: 2"] {
            let set = try set(partition)
            #expect(set.rendered().contains("express") == !partition.isEmpty)
            #expect(try TaskSet.parse(set.rendered(), file: "t.yaml").partition == set.partition)
        }
    }
}
