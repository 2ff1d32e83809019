import FakeDriver
import Testing

@testable import CUDADriver

@Suite("Green contexts")
struct GreenContextTests {
    @Test(
        "the granularity is what the driver tells from CUDA 13, and the rule of the architecture before",
        arguments: [
            (12_040, 6, 1, 1), (12_080, 7, 2, 2), (12_080, 8, 4, 2), (12_080, 9, 8, 8), (13_000, 8, 4, 2),
            (13_000, 12, 8, 8),
        ])
    func granularity(version: Int, major: Int, least: Int, alignment: Int) throws {
        let fake = try FakeDriver()
        fake.setVersion(version)
        fake.setCapability(major, 0)
        let resource = try SMResource(of: try fake.context())
        #expect(resource.multiprocessorCount == 132)
        #expect(resource.leastPartition == least && resource.alignment == alignment)
        #expect(resource.isGranularityReported == (version >= 13_000))
    }

    @Test("SMs are split into groups that are rounded up, and the rest")
    func split() throws {
        let fake = try FakeDriver()
        let resource = try SMResource(of: try fake.context())
        let eights = try resource.split(intoGroupsOf: 1)
        #expect(eights.groups.map(\.multiprocessorCount) == Array(repeating: 8, count: 16))
        #expect(eights.rest?.multiprocessorCount == 4)
        let twenties = try resource.split(intoGroupsOf: 20)
        #expect(twenties.groups.map(\.multiprocessorCount) == Array(repeating: 24, count: 5))
        let pairs = try resource.split(intoGroupsOf: 1, ignoringCoscheduling: true)
        #expect(pairs.groups.count == 66 && pairs.groups[0].multiprocessorCount == 2 && pairs.rest == nil)
        let beyond = try resource.split(intoGroupsOf: 133)
        #expect(beyond.groups.isEmpty && beyond.rest?.multiprocessorCount == 132)
        fake.reset()
        fake.setMultiprocessors(4)
        let small = try SMResource(of: try fake.context()).split(intoGroupsOf: 1)
        #expect(small.groups.isEmpty && small.rest?.multiprocessorCount == 4)
    }

    @Test("work of a stream stays on the SMs of its green context", arguments: [12_040, 12_050, 13_000])
    func streams(version: Int) throws {
        let fake = try FakeDriver()
        fake.setVersion(version)
        do {
            let context = try fake.context()
            let groups = try SMResource(of: context).split(intoGroupsOf: 8).groups
            let low = try GreenContext(context: context, groups: Array(groups[0..<3]))
            let high = try GreenContext(context: context, groups: Array(groups[2..<4]))
            #expect(low.multiprocessorCount == 24 && high.multiprocessorCount == 16)
            let map = try SMMap(context: context)
            let stream = try CUDAStream(greenContext: low, priority: -2)
            #expect(try map.multiprocessors(of: stream) == Array(0..<24))
            #expect(try map.multiprocessors(of: CUDAStream(greenContext: high)) == Array(16..<32))
            #expect(try map.multiprocessors(of: CUDAStream(context: context)) == Array(0..<132))
            #expect(stream.greenContext === low && stream.priority == -2)
            #expect(fake.calls.contains("cuGreenCtxStreamCreate") == (version >= 12_050))
        }
        fake.expectClean()
    }

    @Test("a stream keeps its green context, which keeps its primary one")
    func lifetimes() throws {
        let fake = try FakeDriver()
        var stream: CUDAStream?
        do {
            let context = try fake.context()
            let groups = try SMResource(of: context).split(intoGroupsOf: 8).groups
            stream = try CUDAStream(greenContext: GreenContext(context: context, groups: groups))
        }
        #expect(stream?.greenContext?.multiprocessorCount == 128)
        #expect(fake.live("green context") == 1 && fake.live("context") == 2)
        stream = nil
        fake.expectClean()
    }

    @Test("groups of several splits do not go together")
    func severalSplits() throws {
        let fake = try FakeDriver()
        let context = try fake.context()
        let resource = try SMResource(of: context)
        let groups = [
            try resource.split(intoGroupsOf: 8).groups[0], try resource.split(intoGroupsOf: 8).groups[1],
        ]
        let error = try #require(errorOf { try GreenContext(context: context, groups: groups) })
        #expect(error.call == "cuDevResourceGenerateDesc" && error.number == 915)
        #expect(error.description.contains("all from one split"))
    }
}
