import DarisCore
import Testing

@testable import DarisCheck

@Suite("The steps that a check's minutes hold")
struct CheckPlanTests {
    private func words(_ minutes: Double) -> [String] {
        CheckPlan(seconds: minutes * 60).steps.map(\.rawValue)
    }

    @Test("four minutes: the three questions, batching alone, and what is short")
    func four() {
        #expect(
            words(4) == ["facts", "loops", "largeBatches", "asBefore", "batching", "outputs", "maps"])
    }

    @Test("eight minutes: the task sets three times, without batching, and other precisions, too")
    func eight() {
        #expect(
            words(8) == [
                "facts", "loops", "largeBatches", "asBefore", "batching", "taskSets", "outputs", "unbatched",
                "precision", "maps",
            ])
    }

    @Test("a quarter of an hour: everything")
    func fifteen() {
        let plan = CheckPlan(seconds: 900)
        #expect(plan.steps == CheckStep.allCases && plan.leftOut.isEmpty)
        #expect(words(60) == CheckStep.allCases.map(\.rawValue))
    }

    @Test("the questions come first, and have all the time that they need in every plan of four minutes and more")
    func questions() {
        #expect(Array(CheckStep.allCases.prefix(4)) == [.facts, .loops, .largeBatches, .asBefore])
        for minutes in [4.0, 5, 8, 15, 30] {
            let plan = CheckPlan(seconds: minutes * 60)
            let times = [CheckStep.loops, .largeBatches, .asBefore].map { plan.share(of: $0) }
            #expect(times == [60, 60, 25], "\(minutes) minutes")
        }
    }

    @Test(
        "no plan takes longer than it has, gives a step less than it is worth, or has a step twice", arguments: 2...60)
    func bounds(half: Int) {
        let seconds = Double(half) * 30
        let plan = CheckPlan(seconds: seconds)
        #expect(plan.steps.reduce(0) { $0 + plan.share(of: $1) } <= seconds + 1e-9)
        #expect((plan.steps + plan.leftOut).count == CheckStep.allCases.count)
        #expect(Set(plan.steps + plan.leftOut).count == CheckStep.allCases.count)
        for step in plan.steps { #expect(plan.share(of: step) >= step.need.least, "\(step) in \(seconds) s") }
        for step in plan.leftOut { #expect(plan.share(of: step) == 0) }
    }

    @Test("even a check of seconds begins with the first question, and a rehearsal has every step")
    func short() {
        #expect(Array(CheckPlan(seconds: 5).steps.prefix(2)) == [.facts, .loops])
        #expect(CheckPlan(seconds: 1, isRehearsal: true).steps == CheckStep.allCases)
        #expect(CheckStep.allCases.allSatisfy { $0.need.least <= $0.need.full })
    }

    @Test("question 1: U-Net and Inception v3 first, whole before cut, in batches of 64 and 32; ResNet18 in 128")
    func loops() {
        let entries = LoopPlan.entries(CheckNetwork.builtins)
        let words = entries.map { "\($0.network.name) \($0.batch) \($0.stages)" }
        #expect(
            words == [
                "unet 64 1", "inception_v3 64 1", "unet 32 1", "inception_v3 32 1", "unet 64 14", "inception_v3 64 13",
                "unet 32 14", "inception_v3 32 13", "resnet18 128 1", "resnet18 128 4",
            ])
        #expect(LoopPlan.lanes(isRehearsal: false) == [1, 2, 3, 4])
        // Each of them has a prediction for an H200.
        let predicted = CardPredictions.of("NVIDIA H200")?.loops.map { "\($0.network) \($0.batch) \($0.stages)" }
        #expect(predicted.map(Set.init) == Set(words))
    }

    @Test("batching alone: whole networks in batches of 8 to 128, on 1, 2 and 4 lanes; the likely best first")
    func batching() {
        let entries = BatchingPlan.entries(CheckNetwork.builtins)
        #expect(entries.allSatisfy { $0.stages == 1 } && Set(entries).count == 28)
        #expect(Set(entries.map(\.batch)).subtracting([1, 10]) == [8, 16, 32, 64, 128])
        // What both definitions need comes before all else.
        #expect(entries.prefix(8).map(\.batch) == [64, 64, 64, 64, 10, 10, 10, 10])
        #expect(BatchingPlan.lanes(isRehearsal: false) == [1, 2, 4])
    }

    @Test("the task sets' partitions are the two best by a forecast, or a fixed pair without one")
    func partitions() {
        let fixed = PartitionChoice.best(2, of: PartitionChoice.candidates)
        #expect(
            fixed.map(\.label) == [
                "streams 1×3, batches of 64, one stage", "green 6×1 OS 2, batches of 64, one stage",
            ])
        let best = PartitionChoice.best(2, of: PartitionChoice.candidates) { candidate in
            candidate.kind == .streams ? Double(candidate.partition.streams) : nil
        }
        #expect(best.map(\.partition.streams) == [4, 3])
        #expect(PartitionChoice.best(9, of: Array(PartitionChoice.candidates.prefix(1))).count == 1)
        #expect(Set(PartitionChoice.candidates).count == PartitionChoice.candidates.count)
    }

    @Test("without batching: 6 contexts at OS 1, 2 and 6, as green contexts and under MPS, in the networks' own stages")
    func unbatched() {
        let all = PartitionChoice.unbatched([.streams, .green, .mps])
        #expect(
            all.map(\.label) == [
                "green 6×1 OS 1", "green 6×1 OS 2", "green 6×1 OS 6", "mps 6×1 OS 1", "mps 6×1 OS 2", "mps 6×1 OS 6",
            ])
        #expect(all.allSatisfy { $0.largestBatch == 1 && $0.stages == nil })
        #expect(PartitionChoice.unbatched([.green]).count == 3 && PartitionChoice.unbatched([.cores]).count == 2)
    }

    @Test("a variant has options or says that it has none; none is what a task set has anyway")
    func variants() {
        #expect(CheckVariant.channelsLast.options.layout == .nhwc)
        for variant in CheckVariant.allCases { #expect(variant.options != .init()) }
    }
}
