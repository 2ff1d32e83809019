import CDarisSystem
import Foundation

/// Something that runs inferences as fast as it can on cores of its own.
protocol Contender: AnyObject {
    func start()
    /// Inferences so far, to a part of one.
    var inferences: Double { get }
    func stop()
}

/// Inferences a second of two contenders over the same stretch of time.
func race(_ a: any Contender, _ b: any Contender, seconds: Double) -> (Double, Double) {
    a.start()
    b.start()
    Thread.sleep(forTimeInterval: 0.5)
    let (firstA, firstB, start) = (a.inferences, b.inferences, daris_monotonic_nanoseconds())
    Thread.sleep(forTimeInterval: seconds)
    let (lastA, lastB, end) = (a.inferences, b.inferences, daris_monotonic_nanoseconds())
    a.stop()
    b.stop()
    let elapsed = Double(end - start) / 1e9
    return ((lastA - firstA) / elapsed, (lastB - firstB) / elapsed)
}
