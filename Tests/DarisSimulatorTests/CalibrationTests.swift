import DarisCore
import Foundation
import Testing

@testable import DarisSimulator

@Suite("Calibration")
struct CalibrationTests {
    @Test("the published table is complete and its rows are valid partitions")
    func table() {
        let table = PublishedTable.rtx2080ti
        let counts = PaperTaskSet.allCases.map { set in table.rows.count { $0.taskSet == set.network } }
        #expect(counts == [57, 53, 54] && table.batching.count == 40)
        for row in table.rows {
            #expect(row.oversubscription >= 1 && row.oversubscription <= Double(row.contexts) && row.jps > 0)
        }
        let best = table.rows.filter { $0.taskSet == "resnet18" }.max { $0.jps < $1.jps }
        #expect(best?.label == "6×1 OS 6" && best?.jps == 1133.5 && best?.lpAcceptPercent == 68.135)
    }

    @Test("rows whose figures do not add up are marked")
    func consistency() {
        let odd = PublishedTable.rtx2080ti.rows.filter { !$0.isConsistent(with: $0.paperTaskSet) }
        #expect(Set(odd.map(\.taskSet)) == ["inception_v3"])
        #expect(Set(odd.map { "\($0.contexts)×\($0.streams)" }) == ["1×2", "1×3", "2×1", "2×2"])
    }

    @Test("rank correlation: 1 in the same order, -1 in the opposite, ties at their mean rank")
    func ranks() {
        #expect(rankCorrelation([1, 2, 3, 4], [10, 20, 30, 400]) == 1)
        #expect(rankCorrelation([1, 2, 3, 4], [4, 3, 2, 1]) == -1)
        #expect(abs(rankCorrelation([1, 2, 2, 3], [1, 2, 3, 4]) - 0.9486832980505138) < 1e-12)
        #expect(rankCorrelation([1, 1], [1, 2]) == 0)
        #expect(median([3, 1, 2]) == 2 && median([4, 1, 2, 3]) == 2.5 && median([]) == 0)
    }

    @Test("a search finds the parameters of a loss with one minimum, the same ones each time")
    func search() {
        let parameters = CalibrationParameter.sharing.filter { ["noise", "kernelGap"].contains($0.name) }
        func loss(_ gpu: GPUModel) -> Double { abs(gpu.sharing.noise - 0.21) + abs(gpu.sharing.kernelGap - 0.04) }
        var start = plainGPU()
        start.sharing.noise = 0.1
        start.sharing.kernelGap = 0.1
        var told = 0
        let search = ParameterSearch(parameters: parameters, trials: 150, seed: 5)
        let found = search.minimise(from: start, loss: loss) { told = $0.trial }
        #expect(loss(found) < 0.003 && told == 150)
        #expect(search.minimise(from: start, loss: loss) { _ in } == found)
    }

    @Test("fitting a few rows lessens the loss and keeps every parameter in its range")
    func fit() {
        let rows = PublishedTable.rtx2080ti.rows.filter { $0.taskSet == "unet" && $0.streams == 1 }
        let calibration = Calibration(
            rows: Array(rows.prefix(3)), taskSets: [PaperTaskSet.allCases[1]], duration: .milliseconds(200))
        var start = Calibration.firstGuess()
        start.networks["unet"]?.workSMms *= 1.5
        let fitted = calibration.fit(from: start, trials: 24)
        #expect(calibration.loss(of: fitted) < calibration.loss(of: start))
        for parameter in CalibrationParameter.sharing + CalibrationParameter.network("unet") {
            #expect(parameter.range.contains(parameter.read(fitted)))
        }
        #expect(fitted.problem() == nil)
    }

    @Test("every row is held out of exactly one fold, and every fold has rows of all policies")
    func folds() {
        let rows = PublishedTable.rtx2080ti.rows
        let folds = CrossValidation.assignment(rows, folds: 3)
        #expect(folds.count == rows.count && Set(folds) == [0, 1, 2])
        for fold in 0..<3 {
            let own = zip(rows, folds).filter { $0.1 == fold }.map(\.0)
            #expect(Set(own.map(\.policy)).count == 3 && Set(own.map(\.taskSet)).count == 3)
        }
    }

    @Test("a profile of a known device gives back its costs")
    func profile() throws {
        let gpu = plainGPU { $0.stageOverheadMs = 0.05 }
        let cost = gpu.networks["net"]!
        let stages = cost.stages(4, batch: 1)
        let alone = [8, 16, 24, 32, 48, 64].map { quota in
            let contexts = 64 / quota
            let partition = partition(max(contexts, 1), 1, os: max(1, Double(quota * max(contexts, 1)) / 64))
            return GPUProfile.Alone(
                processors: quota,
                stageMs: stages.map { times(of: $0, on: [0], quotaGPU(gpu, quota), partition.single)[0] })
        }
        let profile = GPUProfile(
            title: "Mine", processors: 64, granularity: 2, memoryMiB: 8000, peakTFLOPS: 10,
            bandwidthGBs: 500,
            networks: [
                .init(name: "net", memoryMiB: 100, alone: alone, loaded: [], batches: [.init(batch: 8, jps: 900)])
            ])
        #expect(profile.problem() == nil)
        let found = ProfileCalibration(profile).fit(from: gpu, trials: 1)
        let fitted = try #require(found.networks["net"])
        #expect(abs(fitted.workSMms - cost.workSMms) < 0.02 * cost.workSMms)
        #expect(abs(fitted.parallelism - cost.parallelism) < 2.1)
        #expect(abs(fitted.launchMs - cost.launchMs) < 0.05)
        #expect(found.title == "Mine" && found.isMeasured)
    }

    /// A device of `quota` SMs: what a context of that quota has.
    private func quotaGPU(_ gpu: GPUModel, _ quota: Int) -> GPUModel {
        var gpu = gpu
        gpu.processors = quota
        return gpu
    }

    @Test("an invalid profile is refused with its field")
    func profileErrors() {
        var profile = GPUProfile(
            title: "x", processors: 64, granularity: 2, memoryMiB: 1, peakTFLOPS: 1, bandwidthGBs: 1, networks: [])
        profile.darisProfile = 2
        #expect(profile.problem() == "darisProfile is 2; this version reads 1")
        profile.darisProfile = 1
        #expect(profile.problem() == "networks is empty; it needs at least one network")
        profile.networks = [
            .init(
                name: "n", memoryMiB: 1, alone: [.init(processors: 8, stageMs: [1])], loaded: [], batches: [])
        ]
        #expect(
            profile.problem()
                == "networks.n.alone: at least 2 different quotas are needed to tell work from overhead")
        profile.networks[0].alone.append(.init(processors: 16, stageMs: [1, 2]))
        #expect(profile.problem() == "networks.n: every entry needs the times of the same stages")
    }
}

extension Partition {
    fileprivate var single: Partition { Partition(contexts: 1, streams: 1, oversubscription: 1) }
}
