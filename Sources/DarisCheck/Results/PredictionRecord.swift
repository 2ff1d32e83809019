import DarisReport

/// A prediction beside what was measured.
package struct PredictionRecord: Hashable, Sendable, Codable {
    /// What the measurement says of a prediction.
    package enum Verdict: String, Hashable, Sendable, Codable {
        /// The figure is as predicted.
        case confirmed
        /// The figure contradicts the prediction.
        case refuted
        /// The figure is between the two.
        case undecided
        /// There is no figure.
        case notMeasured = "not measured"
    }

    /// The question, 1 to 3.
    package var question: Int
    /// What was predicted: `unet, batch 64, whole, 2 lanes: JPS`.
    package var subject: String
    /// The predicted figure or range, as text.
    package var predicted: String
    /// Where the prediction comes from.
    package var source: String
    /// The measured figure; `nil` if there is none.
    package var measured: Double?
    /// The verdict.
    package var verdict: Verdict

    /// Judges a figure.
    ///
    /// - Parameters:
    ///   - confirmed: the figures that confirm the prediction.
    ///   - undecided: the figures that do not refute it.
    init(
        question: Int, subject: String, predicted: String, source: String, measured: Double?,
        confirmed: ClosedRange<Double>, undecided: ClosedRange<Double>
    ) {
        self.question = question
        self.subject = subject
        self.predicted = predicted
        self.source = source
        self.measured = measured
        verdict =
            measured.map {
                confirmed.contains($0) ? .confirmed : undecided.contains($0) ? .undecided : .refuted
            } ?? .notMeasured
    }
}

extension CheckResults {
    /// The verdicts on the predictions for the card, so far.
    package func judged(by predictions: CardPredictions) -> [PredictionRecord] {
        loops(predictions) + largeBatches(predictions) + asBefore(predictions)
    }

    /// Question 1: confirmed within 10 %, refuted beyond 20 %; the decisive figure by its own bounds.
    private func loops(_ predictions: CardPredictions) -> [PredictionRecord] {
        predictions.loops.flatMap { loop in
            loop.jps.enumerated().map { index, jps in
                let lanes = index + 1
                let measured = batching.first {
                    $0.network == loop.network && $0.batch == loop.batch && $0.stages == loop.stages
                        && $0.lanes == lanes
                }?.jps
                var (confirmed, undecided) = (Self.around(jps, 0.1), Self.around(jps, 0.2))
                if let decisive = loop.decisive, decisive.lanes == lanes {
                    confirmed = decisive.confirmed...Double.greatestFiniteMagnitude
                    undecided = decisive.refuted.nextUp...Double.greatestFiniteMagnitude
                }
                let cut = loop.stages == 1 ? "whole" : "\(loop.stages) stages"
                return PredictionRecord(
                    question: 1, subject: "\(loop.network), batch \(loop.batch), \(cut), \(lanes) lanes: JPS",
                    predicted: Figure.fixed(jps, decimals: 0), source: predictions.source, measured: measured,
                    confirmed: confirmed, undecided: undecided)
            }
        }
    }

    /// Question 2: the ratio, confirmed within 3 % of its range, which is the model's own error, and refuted beyond 10 %; no HP
    /// miss; the LP misses.
    private func largeBatches(_ predictions: CardPredictions) -> [PredictionRecord] {
        predictions.largeBatches.flatMap { prediction in
            let row = largeBatches.first { $0.taskSet == prediction.taskSet }
            let (low, high) = (prediction.range.lowerBound, prediction.range.upperBound)
            func record(
                _ subject: String, _ predicted: String, _ measured: Double?, _ confirmed: ClosedRange<Double>,
                _ undecided: ClosedRange<Double>
            ) -> PredictionRecord {
                PredictionRecord(
                    question: 2, subject: "\(prediction.taskSet): \(subject)", predicted: predicted,
                    source: predictions.source, measured: measured, confirmed: confirmed, undecided: undecided)
            }
            return [
                record(
                    "JPS ÷ recorded batching", Self.text(prediction.range), row?.ratio, low * 0.97...high * 1.03,
                    low * 0.9...high * 1.1),
                record("HP DMR", "0", row?.hpDMR, 0...0, 0...0.0002),
                record(
                    "LP DMR", "at most \(Figure.plain(CardPredictions.lpDMR))", row.flatMap { $0.lpDMR ?? 0 },
                    0...CardPredictions.lpDMR, 0...2 * CardPredictions.lpDMR),
            ]
        }
    }

    /// Question 3: confirmed within the range, refuted beyond 10 % of it.
    private func asBefore(_ predictions: CardPredictions) -> [PredictionRecord] {
        let row = asBefore.first { $0.taskSet == "inception_v3" }
        return predictions.asBefore.map { bound in
            let measured: Double?
            let subject: String
            switch bound.subject {
            case .earlyBatches:
                measured = row?.stages?.filter { $0.stage <= 4 }.map(\.meanBatch).max()
                subject = "inception_v3: largest mean batch of stages 0 to 4"
            case .ratio:
                measured = row?.ratio
                subject = "inception_v3: JPS ÷ recorded batching"
            }
            return PredictionRecord(
                question: 3, subject: subject, predicted: Self.text(bound.range), source: predictions.source,
                measured: measured, confirmed: bound.range,
                undecided: bound.range.lowerBound * 0.9...bound.range.upperBound * 1.1)
        }
    }

    private static func around(_ figure: Double, _ share: Double) -> ClosedRange<Double> {
        figure * (1 - share)...figure * (1 + share)
    }

    private static func text(_ range: ClosedRange<Double>) -> String {
        "\(Figure.plain(range.lowerBound)) to \(Figure.plain(range.upperBound))"
    }
}
