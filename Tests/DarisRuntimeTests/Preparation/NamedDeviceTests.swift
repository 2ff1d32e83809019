import DarisConfiguration
import DarisCore
import Testing

@testable import DarisRuntime

@Suite("Devices that task sets can name", .timeLimit(.minutes(15)))
struct NamedDeviceTests {
    /// A device that no other code knows of: its stages do nothing but end.
    final class Echo: NamedDevice {
        static let kind = DeviceKind(name: "echo", partitionKinds: [.cores])
        static let automaticStages: Int? = 2

        private let base: ThreadedDevice

        init(lanes: Int) { base = ThreadedDevice(lanes: lanes, time: { _, _ in .microseconds(10) }) { _, _ in false } }

        static func load(_ request: LoadRequest) throws(PreparationError) -> LoadedDevice {
            LoadedDevice(
                device: MachineDevice(Echo(lanes: request.partition.lanes)), name: "an echo", unitName: "walls",
                units: 4, kind: .cores, contextUnits: [[0, 1], [2, 3]], fingerprint: "echo", shapes: [:])
        }

        var laneCount: Int { base.laneCount }
        func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) { base.tensorSizes(of: task) }
        func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { base.setHandler(handler) }
        func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) { base.hand(dispatch, tensors: tensors) }
        func wake(lane: Int) { base.wake(lane: lane) }
        func terminateRunningStages() { base.terminateRunningStages() }
        func shutDown() { base.shutDown() }
    }

    private func taskSet(_ workshop: Workshop, device: String, isolation: Isolation = .none) throws -> TaskSet {
        TaskSet(
            source: "test", device: device, partition: Partition(contexts: 2, streams: 1, oversubscription: 1),
            isolation: isolation, models: [try workshop.declare(SmallModels.chain, name: "chain", stages: .auto)],
            tasks: [
                TaskDeclaration(name: "call", model: "chain", period: .milliseconds(5), priority: .high),
                TaskDeclaration(name: "shout", model: "chain", period: .milliseconds(10), priority: .low),
            ], run: RunSettings(duration: .milliseconds(50), seed: 1))
    }

    private func options(_ workshop: Workshop) -> Preparation.Options {
        var options = Preparation.Options()
        options.cache = CacheFolder(path: workshop.cachePath)
        return options
    }

    @Test("a device is one type: it is loaded, measured and run as all are")
    func oneType() async throws {
        let workshop = try Workshop()
        let set = try taskSet(workshop, device: "echo")
        let options = options(workshop)
        let (prepared, outcome) = try await onThread {
            let prepared = try Preparation.prepare(set, options: options, devices: MachineDevice.types + [Echo.self])
            return (prepared, prepared.run())
        }
        #expect(prepared.device.base is Echo)
        #expect(prepared.models[0].stages.count == 2)
        #expect(prepared.plan.device == "an echo" && prepared.plan.units == 4)
        #expect(outcome.errors.isEmpty && outcome.summary.jobs.failed == 0)
        #expect(outcome.summary.hp.completed > 0 && outcome.summary.lp.completed > 0)
    }

    @Test("every kind of device that task sets can name has its type, and says how it is cut")
    func everyKind() throws {
        #expect(MachineDevice.types.map { $0.kind } == DeviceKind.all)
        #expect(Set(DeviceKind.all.map(\.name)).count == DeviceKind.all.count)
        for type in MachineDevice.types {
            let kind = type.kind
            #expect(try MachineDevice.type(of: kind.name) == type)
            #expect(!kind.partitionKinds.isEmpty)
            for partition in kind.partitionKinds {
                let set = try TaskSet.parse(
                    """
                    device: \(kind.name)
                    partition: {kind: \(partition.rawValue)}
                    models: {net: {builtin: resnet18}}
                    tasks: [{name: a, model: net, rate: 1 Hz, priority: high}]
                    """, file: "t.yaml")
                #expect(set.device == kind.name && set.partitionKind == partition)
            }
            #expect(try Preparation.servingPartition(of: kind.name).lanes >= 1)
            #expect(type.cuttingThreads(Partition(contexts: 1, streams: 1, oversubscription: 1), processors: 4) >= 1)
        }
    }

    @Test("a device that is none, and worker processes that a device has not, are refused with what there is")
    func refusals() async throws {
        let workshop = try Workshop()
        let options = options(workshop)
        func refusal(_ set: TaskSet) async -> String {
            await onThread {
                do {
                    _ = try Preparation.prepare(set, options: options)
                    return "it was prepared"
                } catch { return "\(error)" }
            }
        }
        #expect(
            await refusal(try taskSet(workshop, device: "tpu"))
                == "device tpu: there is no such device; use one of cpu, cuda")

        let specification = WorkerSpecification(
            context: 0, device: try .init(Echo.kind, 0),
            partition: Partition(contexts: 1, streams: 1, oversubscription: 1), tasks: [], models: [], seed: 0,
            fifoPriority: 0,
            locksMemory: false, library: "")
        let error = #expect(throws: PreparationError.self) {
            try Echo.loadPart(specification, hosting: Hosting(lanes: 1, memoryFile: -1, []), progress: { _ in })
        }
        #expect(error?.description == "device echo: it does not run in worker processes; leave 'isolation' out")
    }
}
