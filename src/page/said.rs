//! What the channels say about what can be done with an order, in the reader's language.
//!
//! The connectors speak English, and so does the API. The page looks their sentences up one by one; what
//! it has no words for stays English and is marked as such.

use super::language::Language;

/// A text of a channel, told to a reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub text: String,
    /// Not in the reader's language.
    pub english: bool,
}

impl Said {
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// `title`: the marketplace's name, which stands as `{c}` in the table.
pub fn tell(language: Language, text: &str, title: &str) -> Said {
    let cell = match language {
        Language::English => return Said { text: text.to_owned(), english: false },
        Language::Spanish => 1,
        Language::Portuguese => 2,
    };
    let sentences: Option<Vec<String>> = text
        .split_inclusive(". ")
        .map(|sentence| {
            let sentence = sentence.trim().replace(title, "{c}");
            let line = SENTENCES.iter().find(|line| line[0] == sentence)?;
            Some(line[cell].replace("{c}", title))
        })
        .collect();
    match sentences {
        Some(sentences) => Said { text: sentences.join(" "), english: false },
        None => Said { text: text.to_owned(), english: true },
    }
}

/// English as the connectors say it, Mexican Spanish, Brazilian Portuguese.
#[rustfmt::skip]
static SENTENCES: &[[&str; 3]] = &[
    // What follows.
    ["{c} sends the customer no message.", "{c} no le avisa al cliente.", "{c} não avisa o cliente."],
    ["{c} tells the customer that the parcel is on its way.", "{c} le avisa al cliente que el paquete va en camino.", "{c} avisa o cliente que o pacote está a caminho."],
    ["{c} charges the customer and tells them.", "{c} le cobra al cliente y le avisa.", "{c} cobra o cliente e o avisa."],
    ["It cannot be undone; the tracking number can be replaced for 4 hours.", "No se puede deshacer; el número de guía se puede cambiar durante 4 horas.", "Não pode ser desfeito; o código de rastreio pode ser trocado por 4 horas."],
    ["The parcel holds other orders of this buyer too: {c} marks them as shipped as well.", "El paquete lleva otros pedidos de este comprador: {c} también los marca como enviados.", "O pacote leva outros pedidos deste comprador: {c} também os marca como enviados."],
    ["The whole order is cancelled.", "Se cancela el pedido completo.", "O pedido inteiro é cancelado."],
    ["{c} takes some minutes; until it confirms, the order stays as it is.", "{c} tarda unos minutos; hasta que confirme, el pedido queda como está.", "{c} leva alguns minutos; até confirmar, o pedido fica como está."],
    ["It may count in your cancellation rate.", "Puede contar en tu tasa de cancelación.", "Pode contar na sua taxa de cancelamento."],
    ["The customer asked for it, so it is sent as the customer's wish.", "El cliente lo pidió, así que se envía como deseo suyo.", "O cliente pediu, então é enviado como desejo dele."],
    ["The units that were not sent yet are cancelled.", "Se cancelan las unidades que aún no se enviaron.", "As unidades ainda não enviadas são canceladas."],
    ["Cancels the whole order; it cannot be brought back.", "Cancela el pedido completo; no se puede recuperar.", "Cancela o pedido inteiro; não dá para recuperá-lo."],
    ["A payment that is only authorised is released; nothing is refunded by this.", "Un pago solo autorizado se libera; con esto no se reembolsa nada.", "Um pagamento só autorizado é liberado; nada é reembolsado com isso."],
    ["What was paid is not refunded by this: refund it in {c}.", "Lo pagado no se reembolsa con esto: reembólsalo en {c}.", "O que foi pago não é reembolsado com isso: reembolse em {c}."],
    ["The units go back into stock, unless the reason is that there are none.", "Las unidades vuelven al inventario, salvo que el motivo sea que no hay.", "As unidades voltam ao estoque, a não ser que o motivo seja a falta delas."],
    ["{c} sends the customer no message; the note is for your staff.", "{c} no le avisa al cliente; la nota es para tu equipo.", "{c} não avisa o cliente; a nota é para a sua equipe."],
    ["Gives the sale up and refunds the buyer.", "Renuncia a la venta y reembolsa al comprador.", "Desiste da venda e reembolsa o comprador."],
    ["{c} takes this once only, it cannot be undone, and it may hurt the seller's reputation.", "{c} lo acepta una sola vez, no se puede deshacer y puede dañar la reputación del vendedor.", "{c} aceita isso uma única vez, não dá para desfazer e pode prejudicar a reputação do vendedor."],
    ["The buyer may see the note.", "El comprador puede ver la nota.", "O comprador pode ver a nota."],
    ["Agrees to the buyer's request: the order is cancelled and {c} refunds the buyer.", "Acepta lo que pide el comprador: el pedido se cancela y {c} lo reembolsa.", "Aceita o pedido do comprador: o pedido é cancelado e {c} o reembolsa."],
    ["The whole order is cancelled and {c} refunds the buyer.", "Se cancela el pedido completo y {c} reembolsa al comprador.", "O pedido inteiro é cancelado e {c} reembolsa o comprador."],
    ["It counts against the shop's score when the fault is the seller's.", "Cuenta contra la puntuación de la tienda si la culpa es del vendedor.", "Conta contra a pontuação da loja se a culpa for do vendedor."],
    // Why not.
    ["Part of the order is shipped, and {c} cancels whole orders only.", "Una parte del pedido ya se envió y {c} solo cancela pedidos completos.", "Parte do pedido já foi enviada, e {c} só cancela pedidos inteiros."],
    ["{c} cancels whole orders only, and a part of this one was sent.", "{c} solo cancela pedidos completos y una parte de este ya se envió.", "{c} só cancela pedidos inteiros, e parte deste já foi enviada."],
    ["Every unit is shipped already.", "Ya se enviaron todas las unidades.", "Todas as unidades já foram enviadas."],
    ["Every unit was sent already.", "Ya se enviaron todas las unidades.", "Todas as unidades já foram enviadas."],
    ["Every unit was sent or cancelled already.", "Todas las unidades ya se enviaron o cancelaron.", "Todas as unidades já foram enviadas ou canceladas."],
    ["Every unit was sent already, and {c} cancels no shipped unit.", "Ya se enviaron todas las unidades y {c} no cancela unidades enviadas.", "Todas as unidades já foram enviadas, e {c} não cancela unidades enviadas."],
    ["The order is cancelled.", "El pedido está cancelado.", "O pedido está cancelado."],
    ["The order is cancelled already.", "El pedido ya está cancelado.", "O pedido já está cancelado."],
    ["The order has arrived.", "El pedido ya llegó.", "O pedido já chegou."],
    ["The order is delivered.", "El pedido está entregado.", "O pedido foi entregue."],
    ["The shipment is closed.", "El envío está cerrado.", "O envio está encerrado."],
    ["The shipment of this order is cancelled.", "El envío de este pedido está cancelado.", "O envio deste pedido está cancelado."],
    ["The order is not paid yet.", "El pedido aún no está pagado.", "O pedido ainda não foi pago."],
    ["The order is not shipped yet.", "El pedido aún no se envió.", "O pedido ainda não foi enviado."],
    ["The order is not shipped yet, and a number cannot be stored before.", "El pedido aún no se envió y antes no se puede guardar un número.", "O pedido ainda não foi enviado, e antes disso não dá para guardar um código."],
    ["The parcel is on its way already.", "El paquete ya va en camino.", "O pacote já está a caminho."],
    ["The parcel is on its way already: the sale cannot be given up any more.", "El paquete ya va en camino: ya no se puede renunciar a la venta.", "O pacote já está a caminho: não dá mais para desistir da venda."],
    ["The order is on its way, so it cannot be cancelled any more.", "El pedido va en camino, así que ya no se puede cancelar.", "O pedido está a caminho, então não pode mais ser cancelado."],
    ["The order is on hold: the buyer may still cancel freely, and shipping is refused.", "El pedido está en espera: el comprador aún puede cancelar libremente y no se permite enviar.", "O pedido está em espera: o comprador ainda pode cancelar livremente, e o envio é recusado."],
    ["The buyer asks to cancel, and {c} forbids to ship meanwhile.", "El comprador pide cancelar y mientras tanto {c} no permite enviar.", "O comprador pede o cancelamento, e {c} não permite enviar enquanto isso."],
    ["{c}'s warehouse sends this order (Full) and reports it by itself.", "El almacén de {c} envía este pedido (Full) y lo informa por sí solo.", "O armazém do {c} envia este pedido (Full) e informa por conta própria."],
    ["This order is delivered with Flex: the driver's app reports it.", "Este pedido se entrega con Flex: la app del repartidor lo informa.", "Este pedido é entregue com Flex: o aplicativo do entregador informa."],
    ["{c} has not shown the shipment of this order yet.", "{c} aún no muestra el envío de este pedido.", "{c} ainda não mostra o envio deste pedido."],
    ["{c} has not shown who receives this order yet.", "{c} aún no muestra quién recibe este pedido.", "{c} ainda não mostra quem recebe este pedido."],
    ["The delivery was agreed with the buyer: there is no shipment to report.", "La entrega se acordó con el comprador: no hay envío que informar.", "A entrega foi combinada com o comprador: não há envio a informar."],
    ["{c} sees a risk of fraud: the parcel must not be sent.", "{c} ve riesgo de fraude: no se debe enviar el paquete.", "{c} vê risco de fraude: o pacote não deve ser enviado."],
    ["This sale was rated already, and {c} takes one rating only.", "Esta venta ya se calificó y {c} acepta una sola calificación.", "Esta venda já foi avaliada, e {c} aceita uma única avaliação."],
    ["{c}'s time for giving this sale up has run out.", "Se acabó el plazo de {c} para renunciar a esta venta.", "O prazo do {c} para desistir desta venda acabou."],
    ["{c} packs and sends this order from its own warehouse, so nothing is to be done here.", "{c} empaca y envía este pedido desde su almacén; aquí no hay nada que hacer.", "{c} embala e envia este pedido do próprio armazém; aqui não há nada a fazer."],
    ["{c} packs and sends this order from its own warehouse (WFS), so nothing is to be done here.", "{c} empaca y envía este pedido desde su almacén (WFS); aquí no hay nada que hacer.", "{c} embala e envia este pedido do próprio armazém (WFS); aqui não há nada a fazer."],
    ["{c} confirms orders of its Ship+ programme by itself when the label is scanned.", "{c} confirma por sí solo los pedidos de su programa Ship+ al escanear la etiqueta.", "{c} confirma sozinho os pedidos do programa Ship+ quando a etiqueta é lida."],
    ["{c} has not authorised the payment yet.", "{c} aún no autoriza el pago.", "{c} ainda não autorizou o pagamento."],
    ["{c} has not told the state of this order.", "{c} no ha dicho el estado de este pedido.", "{c} não informou o estado deste pedido."],
    ["{c} has not told the state of this order's lines.", "{c} no ha dicho el estado de las líneas de este pedido.", "{c} não informou o estado das linhas deste pedido."],
    ["{c} has not told how this order is sent.", "{c} no ha dicho cómo se envía este pedido.", "{c} não informou como este pedido é enviado."],
    ["No parcel was confirmed from here.", "Desde aquí no se confirmó ningún paquete.", "Nenhum pacote foi confirmado daqui."],
    ["The parcel has no tracking number that could be replaced.", "El paquete no tiene un número de guía que se pueda cambiar.", "O pacote não tem código de rastreio que possa ser trocado."],
    ["{c} replaces a tracking number within 4 hours after shipping only.", "{c} solo cambia un número de guía en las 4 horas después del envío.", "{c} só troca um código de rastreio até 4 horas depois do envio."],
    ["The parcel was shipped more than 72 hours ago, and {c} takes no other number since.", "El paquete se envió hace más de 72 horas y {c} ya no acepta otro número.", "O pacote foi enviado há mais de 72 horas, e {c} não aceita mais outro código."],
    // What to do instead.
    ["Cancel the shipment or refund the rest in {c}.", "Cancela el envío o reembolsa el resto en {c}.", "Cancele o envio ou reembolse o resto em {c}."],
    ["Make a new one in {c} if it is to be sent after all.", "Haz uno nuevo en {c} si de todos modos hay que enviarlo.", "Faça um novo em {c} se mesmo assim for enviado."],
    ["Change the tracking of its shipment instead.", "Cambia mejor la guía de su envío.", "Em vez disso, altere o rastreio do envio."],
    ["There is no shipment yet: mark the order as shipped, with its tracking number.", "Aún no hay envío: marca el pedido como enviado, con su número de guía.", "Ainda não há envio: marque o pedido como enviado, com o código de rastreio."],
    ["Nothing was sent yet: mark the order as shipped with its tracking number.", "Aún no se envió nada: marca el pedido como enviado con su número de guía.", "Nada foi enviado ainda: marque o pedido como enviado com o código de rastreio."],
    ["Mark it as shipped, with the number, here or in {c}.", "Márcalo como enviado, con el número, aquí o en {c}.", "Marque como enviado, com o código, aqui ou em {c}."],
    ["Mark it as shipped, with the number, here or in Seller Center.", "Márcalo como enviado, con el número, aquí o en Seller Center.", "Marque como enviado, com o código, aqui ou no Seller Center."],
    ["Nothing is to be sent.", "No hay nada que enviar.", "Não há nada a enviar."],
    ["Nothing is to be tracked.", "No hay nada que rastrear.", "Não há nada a rastrear."],
    ["Nothing is to be done; look in {c}.", "No hay nada que hacer; míralo en {c}.", "Não há nada a fazer; veja em {c}."],
    ["Nothing is to be done; its history is in {c}.", "No hay nada que hacer; su historial está en {c}.", "Não há nada a fazer; o histórico está em {c}."],
    ["Look in {c}.", "Míralo en {c}.", "Veja em {c}."],
    ["Follow it in {c}.", "Síguelo en {c}.", "Acompanhe em {c}."],
    ["See in {c} what takes its place.", "Ve en {c} qué lo sustituye.", "Veja em {c} o que o substitui."],
    ["Its number can be seen, but not changed, in {c}.", "Su número se puede ver, pero no cambiar, en {c}.", "O código pode ser visto, mas não alterado, em {c}."],
    ["Wait for the payment, which {c} reports.", "Espera el pago; {c} lo informa.", "Aguarde o pagamento; {c} informa."],
    ["Wait until it is released.", "Espera a que se libere.", "Aguarde até ser liberado."],
    ["Wait until the order is accepted, or look at it in Seller Central.", "Espera a que se acepte el pedido o míralo en Seller Central.", "Aguarde o pedido ser aceito ou veja no Seller Central."],
    ["Sync it, then try again.", "Sincronízalo e intenta de nuevo.", "Sincronize e tente de novo."],
    ["Sync it, or look in Seller Center.", "Sincronízalo o míralo en Seller Center.", "Sincronize ou veja no Seller Center."],
    ["Press Sync, or look in Seller Central.", "Pulsa Sincronizar o míralo en Seller Central.", "Clique em Sincronizar ou veja no Seller Central."],
    ["Cancel here to agree, or refuse in Seller Center first.", "Cancela aquí para aceptar, o recházalo antes en Seller Center.", "Cancele aqui para aceitar ou recuse antes no Seller Center."],
    ["Cancel the sale, here or in {c}.", "Cancela la venta, aquí o en {c}.", "Cancele a venda, aqui ou em {c}."],
    ["Print the label in {c} and scan the parcel with the app.", "Imprime la etiqueta en {c} y escanea el paquete con la app.", "Imprima a etiqueta em {c} e leia o pacote com o aplicativo."],
    ["Print the label in {c} and hand the parcel over.", "Imprime la etiqueta en {c} y entrega el paquete.", "Imprima a etiqueta em {c} e entregue o pacote."],
    ["Rate the sale in {c} once the buyer has the goods.", "Califica la venta en {c} cuando el comprador tenga la mercancía.", "Avalie a venda em {c} quando o comprador tiver a mercadoria."],
    ["Settle it with the buyer in {c}.", "Arréglalo con el comprador en {c}.", "Resolva com o comprador em {c}."],
    ["Settle a return or a refund with the buyer in {c}.", "Acuerda una devolución o un reembolso con el comprador en {c}.", "Combine uma devolução ou um reembolso com o comprador em {c}."],
    ["Correct a parcel's tracking, or look in Seller Central.", "Corrige la guía de un paquete o míralo en Seller Central.", "Corrija o rastreio de um pacote ou veja no Seller Central."],
    ["Correct a parcel's number, or look in {c}.", "Corrige el número de un paquete o míralo en {c}.", "Corrija o código de um pacote ou veja em {c}."],
    ["Correct it in Seller Center.", "Corrígelo en Seller Center.", "Corrija no Seller Center."],
    ["Correct it in Seller Central.", "Corrígelo en Seller Central.", "Corrija no Seller Central."],
    ["Refund it in Seller Central.", "Reembólsalo en Seller Central.", "Reembolse no Seller Central."],
    ["See it in Seller Central.", "Míralo en Seller Central.", "Veja no Seller Central."],
    ["See Seller Central for its history.", "Su historial está en Seller Central.", "O histórico está no Seller Central."],
    ["Changes are made in Seller Central.", "Los cambios se hacen en Seller Central.", "As mudanças são feitas no Seller Central."],
    ["Buy and see labels in Seller Central.", "Compra y ve las etiquetas en Seller Central.", "Compre e veja etiquetas no Seller Central."],
    ["Ask its seller support for help.", "Pide ayuda a su soporte para vendedores.", "Peça ajuda ao suporte a vendedores."],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_sentence_by_sentence_is_told_in_the_readers_language() {
        let text = "The order is cancelled. Nothing is to be sent.";
        let told = tell(Language::Spanish, text, "Shop");
        assert_eq!(
            told,
            Said { text: "El pedido está cancelado. No hay nada que enviar.".to_owned(), english: false }
        );
        let told = tell(Language::Portuguese, "Shop sends the customer no message.", "Shop");
        assert_eq!(told.text, "Shop não avisa o cliente.");
    }

    #[test]
    fn what_is_not_known_stays_english_as_a_whole() {
        let text = "The order is cancelled. Ask the moon.";
        assert_eq!(tell(Language::Spanish, text, "Shop"), Said { text: text.to_owned(), english: true });
        assert!(!tell(Language::English, text, "Shop").english);
    }

    #[test]
    fn every_line_is_whole_and_names_the_channel_in_all_languages_or_none() {
        for line in SENTENCES {
            let names = line.map(|cell| cell.contains("{c}"));
            assert!(names[0] == names[1] && names[0] == names[2], "{}", line[0]);
            assert!(line.iter().all(|cell| cell.ends_with('.')), "{}", line[0]);
            assert!(!line[0].trim_end_matches('.').contains(". "), "one sentence: {}", line[0]);
        }
    }
}
