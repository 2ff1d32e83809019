import DarisCore
import Testing

@testable import DarisCheck

@Suite("What is counted of a run")
struct CounterTests {
    private func dispatch(_ stage: Int, _ tasks: [Int]) -> Command {
        let jobs = tasks.map { JobID(task: $0, sequence: 0) }
        return .dispatch(Dispatch(stage: stage, lane: 0, job: jobs[0], with: Array(jobs.dropFirst())))
    }

    @Test("dispatches and their jobs are counted by network and stage")
    func stages() {
        let counter = DispatchCounter(models: ["a", "b", "a"], stages: [2, 1, 2])
        counter.observe([dispatch(0, [0]), .wake(at: .zero), dispatch(0, [0, 2])])
        counter.observe([dispatch(1, [2, 0]), dispatch(0, [1])])
        #expect(
            counter.stages == [
                StageBatches(network: "a", stage: 0, dispatches: 2, jobs: 3),
                StageBatches(network: "a", stage: 1, dispatches: 1, jobs: 2),
                StageBatches(network: "b", stage: 0, dispatches: 1, jobs: 1),
            ])
        #expect(counter.stages[0].meanBatch == 1.5)
        #expect(StageBatches(network: "a", stage: 0, dispatches: 0, jobs: 0).meanBatch == 0)
    }

    @Test("the mean batch of a run is over all its dispatches")
    func mean() {
        #expect(row("unet").meanBatch == 1.8)
        #expect(row("unet") { $0.dispatches = 0 }.meanBatch == nil && row("unet") { $0.stages = nil }.meanBatch == nil)
        #expect(row("unet").paperRatio == 2.4 && row("unet") { $0.paperBatching = nil }.paperRatio == nil)
    }

    @Test("lines of the PyTorch script are records and remarks; what libraries print is neither")
    func lines() {
        let record = #"{"network": "unet", "precision": "half", "compiled": false, "batch": 64, "jps": 12.5}"#
        #expect(
            PyTorchLine(record)
                == .record(PyTorchRecord(network: "unet", precision: "half", compiled: false, batch: 64, jps: 12.5)))
        #expect(PyTorchLine(#"{"remark": "PyTorch sees no GPU"}"#) == .remark("PyTorch sees no GPU"))
        for line in ["", "UserWarning: something", #"{"network": "unet"}"#, "[1]", "{"] {
            #expect(PyTorchLine(line) == nil, "\(line)")
        }
    }
}
