import CUDADriver
import DarisCore
import FakeDriver
import Testing

@testable import DarisRuntime

@Suite("The contexts of a GPU")
struct GPUContextsTests {
    @Test("streams of green contexts run on the SMs planned", arguments: [1.0, 2.0, 3.0])
    func green(oversubscription: Double) throws {
        let fake = try FakeDriver()
        do {
            let context = try fake.context()
            let partition = Partition(contexts: 3, streams: 2, oversubscription: oversubscription)
            let contexts = try GPUContexts.make(partition, kind: .green, on: context)
            #expect(contexts.streams.map(\.count) == [2, 2, 2])
            let map = try SMMap(context: context)
            for (streams, units) in zip(contexts.streams, contexts.units) {
                for stream in streams { #expect(try map.multiprocessors(of: stream) == units) }
            }
        }
        #expect(fake.violations.isEmpty && fake.live() == 0)
    }

    @Test("a context of all groups has the SMs in none of them too, unless the driver will not have it")
    func whole() throws {
        let partition = Partition(contexts: 3, streams: 1, oversubscription: 3)
        let fake = try FakeDriver()
        let contexts = try GPUContexts.make(partition, kind: .green, on: try fake.context())
        #expect(contexts.units == Array(repeating: Array(0..<132), count: 3) && contexts.notes == [])

        let other = try FakeDriver()
        other.fail("cuGreenCtxCreate", with: 1)
        let groups = try GPUContexts.make(partition, kind: .green, on: try other.context())
        #expect(groups.units == Array(repeating: Array(0..<128), count: 3))
        #expect(groups.notes.last == "4 of 132 SMs are in no group of 8 and stay idle")
    }

    @Test("without green contexts every stream has the whole device")
    func streams() throws {
        let fake = try FakeDriver()
        let partition = Partition(contexts: 1, streams: 3, oversubscription: 1)
        let contexts = try GPUContexts.make(partition, kind: .streams, on: try fake.context())
        #expect(contexts.units == [Array(0..<132)] && contexts.streams[0].count == 3)
    }

    @Test(
        "express lanes are streams of the highest priority, last in their context",
        arguments: [PartitionKind.streams, .green])
    func express(kind: PartitionKind) throws {
        let fake = try FakeDriver()
        do {
            let context = try fake.context()
            let partition = Partition(
                contexts: kind == .green ? 2 : 1, streams: 2, oversubscription: 1, express: 1)
            let contexts = try GPUContexts.make(partition, kind: kind, on: context)
            let highest = context.streamPriorityRange.lowerBound
            #expect(highest < 0)
            for streams in contexts.streams { #expect(streams.map(\.priority) == [0, 0, highest]) }
        }
        #expect(fake.violations.isEmpty && fake.live() == 0)
    }

    @Test("SMs that cannot be parted are an error that says so")
    func small() throws {
        let fake = try FakeDriver()
        fake.setMultiprocessors(4)
        let context = try fake.context()
        let partition = Partition(contexts: 2, streams: 1, oversubscription: 1)
        let error = try #require(throws: CUDAError.self) { try GPUContexts.make(partition, kind: .green, on: context) }
        #expect(error.description.contains("this GPU's 4 SMs cannot be parted"))
    }
}
