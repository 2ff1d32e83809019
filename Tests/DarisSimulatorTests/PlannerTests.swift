import DarisCore
import Testing

@testable import DarisSimulator

@Suite("The planner")
struct PlannerTests {
    private static let run = Nanoseconds.milliseconds(600)

    private func planner(_ problem: PlanningProblem) -> Planner {
        var planner = Planner(problem)
        planner.kinds = [.streams, .mps]
        planner.contextLimit = 4
        planner.streamLimit = 3
        planner.finalistCount = 4
        planner.shortRun = .milliseconds(300)
        planner.longRun = Self.run
        planner.longRuns = 1
        return planner
    }

    @Test("its choice is within 3 % of the best of all partitions, and needs no more lanes than that one")
    func againstEnumeration() throws {
        let problem = problem(high: 2, low: 6, periodMs: 12)
        let best = try #require(planner(problem).search().best)
        var all: [CandidateFigures] = []
        for contexts in 1...4 {
            for streams in 1...3 {
                for os in Set([1, 2, Double(contexts)]) where os <= Double(contexts) {
                    let candidate = Candidate(
                        kind: contexts == 1 ? .streams : .mps,
                        partition: partition(contexts, streams, os: os))
                    if let figures = problem.figures(candidate, duration: Self.run, runs: 1) {
                        all.append(figures)
                    }
                }
            }
        }
        let top = try #require(all.filter { $0.isFeasible(problem.constraints) }.max { $0.jps < $1.jps })
        #expect(best.jps >= top.jps * 0.965)
        #expect(best.isFeasible(problem.constraints))
    }

    @Test("the same problem has the same plan")
    func deterministic() {
        let problem = problem()
        let (one, other) = (planner(problem).search(), planner(problem).search())
        #expect(one.finalists == other.finalists && one.all == other.all && one.best == other.best)
    }

    @Test("the search prunes: it simulates fewer partitions than possible")
    func pruning() {
        var planner = planner(problem())
        planner.kinds = [.streams, .mps, .green]
        planner.contextLimit = 8
        let outcome = planner.search()
        // 3 of one context, and 7 × 3 × about 4 shares of each of the two others.
        #expect(outcome.all.count > 10 && outcome.all.count < 110)
        #expect(Set(outcome.all.map(\.candidate)).count == outcome.all.count)
    }

    @Test("partitions that need too much memory are left out")
    func memory() {
        let problem = problem(memoryMiB: 1000)
        let outcome = planner(problem).search()
        #expect(!outcome.all.isEmpty && outcome.all.allSatisfy { $0.memoryMiB <= 1000 })
        // Under MPS two contexts take 2 × (350 + 100) MiB.
        #expect(
            problem.memoryMiB(of: Candidate(kind: .mps, partition: partition(2, 1))) == 900
                && problem.memoryMiB(of: Candidate(kind: .green, partition: partition(2, 1))) == 550)
    }

    @Test("no partition is larger than the limits on contexts and streams")
    func limits() {
        var planner = planner(problem())
        planner.contextLimit = 3
        planner.streamLimit = 1
        let all = planner.search().all.map(\.candidate.partition)
        #expect(!all.isEmpty && all.allSatisfy { $0.contexts <= 3 && $0.streams == 1 })
        planner.contextLimit = 1
        #expect(planner.search().all.allSatisfy { $0.candidate.partition.lanes == 1 })
    }

    @Test("without room for the HP tasks alone there is no plan")
    func infeasible() {
        let outcome = planner(problem(high: 12, low: 0, periodMs: 5)).search()
        #expect(outcome.best == nil && !outcome.finalists.isEmpty)
    }

    @Test("the load limit lies between a load that is kept and one that is not")
    func headroom() throws {
        let problem = problem(high: 2, low: 2, periodMs: 20)
        let candidate = Candidate(kind: .mps, partition: partition(2, 1, os: 2))
        let headroom = problem.headroom(of: candidate, duration: Self.run)
        let scale = try #require(headroom.rateScale)
        #expect(scale > 1 && !headroom.isRateUnlimited)
        let kept = try #require(problem.figures(candidate, duration: Self.run, runs: 1, rateScale: scale))
        let broken = try #require(
            problem.figures(candidate, duration: Self.run, runs: 1, rateScale: scale * 1.021))
        #expect(kept.isFeasible(problem.constraints) && !broken.isFeasible(problem.constraints))
        #expect(headroom.promotions.count == 1 && headroom.promotions[0].tasks == 2)
    }

    @Test("batching is bounded by launching, by the SMs it fills, and by the demand")
    func batching() throws {
        let gpu = plainGPU()
        let best = try #require(Batching.best("net", on: gpu))
        // 64 SM·ms on at most 64 SMs: 1000 a second.
        #expect(best.jps <= 1000 && best.jps > 990 && best.batch > 1)
        #expect(Batching.throughput(of: gpu.networks["net"]!, on: gpu, batch: 1) == 500)
        let tasks = problem(high: 1, low: 1, periodMs: 100).tasks(1)
        #expect(abs(Batching.throughput(of: tasks, on: gpu) - 20) < 1e-9)
    }

    @Test("every ablation changes one thing of the options")
    func ablations() {
        let base = SchedulerOptions()
        let changed = Ablation.all.map { $0.applied(to: base) }
        #expect(Ablation.all[0].applied(to: base) == base && !Ablation.all[0].isUnstaged)
        #expect(
            zip(Ablation.all, changed).dropFirst().allSatisfy { ($0.isUnstaged || $0.switchesExpress) != ($1 != base) })
        #expect(Set(changed.map { "\($0)" }).count == Ablation.all.count - 2)
        let candidate = Candidate(kind: .mps, partition: partition(2, 1, os: 2))
        let rows = Ablation.run(problem(), candidate: candidate, duration: .milliseconds(300), runs: 1)
        #expect(rows.map(\.name) == Ablation.all.map(\.name))
    }
}
